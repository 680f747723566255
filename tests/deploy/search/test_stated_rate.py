import math

import numpy as np
import pytest

from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.deploy.search.stated_rate import FEWEST_FALSE_MATCHES, check_people, more_images
from dcac_fastreid.errors import InputError


def people(*images: int, cameras_known: bool = True) -> KnownPeople:
    """So many images of each person, each by a camera of its own."""
    identities = np.repeat(np.arange(len(images)), images)
    places = np.concatenate([np.arange(count) for count in images])
    return KnownPeople("ours", [], identities, places, cameras_known)


def pairs_of_two(*images: int) -> int:
    return math.comb(sum(images), 2) - sum(math.comb(count, 2) for count in images)


def test_a_rate_that_the_pairs_can_tell_is_taken():
    assert check_people(people(*[6] * 45), None) == 0.001
    assert check_people(people(*[6] * 20), 0.01) == 0.01
    assert check_people(people(*[1] * 245, 2, 2, 2, 2), 0.001) == 0.001  # 30,000 pairs and some


@pytest.mark.parametrize(("images", "rate"), [([6] * 20, 0.0044), ([3] * 10, 0.075), ([5, 7, 3, 9, 4], 0.1)])
def test_of_too_few_pairs_the_smallest_rate_is_stated_where_none_was_named(images, rate):
    """Twenty people of six photos: the command of the README."""
    assert check_people(people(*images), None) == rate
    assert pairs_of_two(*images) * rate >= FEWEST_FALSE_MATCHES > 0.95 * pairs_of_two(*images) * rate
    assert check_people(people(*images), rate) == rate, "and where it was"


def test_a_rate_that_was_named_is_refused_with_what_it_needs():
    with pytest.raises(InputError) as error:
        check_people(people(*[6] * 20), 0.001)
    assert str(error.value) == (
        "a false-match rate of 0.001 cannot be told from the 6,840 pairs of two people in ours: it needs 30,000 pairs, of which "
        "30 then match, so about 128 photos more, of other people, as many of each as now; state 0.0044 or more, or add photos"
    )


@pytest.mark.parametrize("identities", [4, 20, 57])
def test_so_many_more_photos_are_enough(identities):
    needed = 30_000
    more = more_images(needed, pairs_of_two(*[6] * identities), identities, 6 * identities)
    assert (
        pairs_of_two(*[6] * (identities + math.ceil(more / 6)))
        >= needed
        > pairs_of_two(*[6] * (identities + more // 6 - 1))
    )


@pytest.mark.parametrize("rate", [0, 1, 1.5, -0.1, float("nan"), float("inf"), 1e-300, 5e-324, "0.1", True, [0.1]])
def test_what_is_no_rate_is_one_sentence(rate):
    with pytest.raises(InputError, match="^the false-match rate is [^\n]*; expected .*, such as 0.001$"):
        check_people(people(*[6] * 20), rate)


@pytest.mark.parametrize(
    ("known", "rate", "sentence"),
    [
        (people(6, 6, 6), 0.5, "ours has 3 people with two images by different cameras, .* needs 4"),
        (
            people(*[1] * 30, cameras_known=False),
            None,
            "ours has 0 people with two images that are no near-duplicates",
        ),
        (people(2, 2, 2, 2), 0.9, "a false-match rate of 0.9 cannot be told from the 24 pairs .* as now; add photos$"),
        (
            people(2, 2, 2, 2),
            None,
            "a false-match rate of 0.001 cannot be told from the 24 pairs .* as now; add photos$",
        ),
    ],
)
def test_people_who_can_state_nothing_are_refused(known, rate, sentence):
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}"):
        check_people(known, rate)
