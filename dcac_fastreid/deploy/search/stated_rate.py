"""Which false-match rate can photos of known people state, and how many more would another one need?"""

import math

import numpy as np

from dcac_fastreid.arguments import as_share
from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.errors import InputError

DEFAULT_RATE = 0.001  # where nobody asks for another and the pairs can state it
LOWEST_RATE = 1e-9  # it needs a quarter of a million photos
HIGHEST_RATE = 0.5  # what half of the strangers reach is no threshold
# "Rule of 30" (Doddington et al., 2000): with 30 errors the true rate is, at 90 % confidence, within 30 % of the measured one.
# It holds for independent pairs; pairs of the same few people are not, hence the rates on held-out people beside it.
FEWEST_FALSE_MATCHES = 30
FEWEST_IDENTITIES = 4  # two for each half


def check_rate(false_match_rate: float | None) -> None:
    """Raises InputError: neither None nor a rate."""
    if false_match_rate is not None:
        as_share(false_match_rate, "the false-match rate", "0.001")
        if false_match_rate < LOWEST_RATE:
            raise InputError(
                f"the false-match rate is {false_match_rate:g}; expected {LOWEST_RATE:g} or more, such as 0.001"
            )


def check_people(people: KnownPeople, false_match_rate: float | None) -> float:
    """The rate that these people will state; asked before any feature is computed.

    Args:
        false_match_rate: None for DEFAULT_RATE or, where the pairs cannot tell that, the smallest that they can. One that is
            named is stated or refused: whoever names a figure will build on it.
    Raises: InputError: no rate, or too few people or pairs to state it.
    """
    check_rate(false_match_rate)
    images = [np.flatnonzero(people.identities == person) for person in np.unique(people.identities)]
    with_pairs = sum(len(np.unique(people.places[own])) > 1 for own in images)
    if with_pairs < FEWEST_IDENTITIES:
        places = "by different cameras" if people.cameras_known else "that are no near-duplicates"
        raise InputError(
            f"{people.name} has {with_pairs} people with two images {places}, calibrating needs {FEWEST_IDENTITIES} at least; "
            "add people"
        )
    pairs = math.comb(len(people.identities), 2) - sum(math.comb(len(own), 2) for own in images)  # of two people
    rate = DEFAULT_RATE if false_match_rate is None else false_match_rate
    if can_tell(rate, pairs):
        return rate
    possible = _rounded_up(FEWEST_FALSE_MATCHES / max(pairs, 1))
    if false_match_rate is None and possible < HIGHEST_RATE:
        return possible
    instead = f"state {possible:g} or more, or " if possible < HIGHEST_RATE else ""
    raise InputError(f"{why_not(rate, pairs, len(images), len(people.identities), people.name)}; {instead}add photos")


def can_tell(rate: float, pairs: int) -> bool:
    """Whether so many pairs of two people can tell a false-match rate."""
    return pairs * rate > FEWEST_FALSE_MATCHES - 1e-6  # of rounding


def why_not(rate: float, pairs: int, identities: int, images: int, name: str) -> str:
    """The sentence on a rate that so many pairs of two people cannot tell, and how many more photos it needs."""
    needed = math.ceil(FEWEST_FALSE_MATCHES / rate - 1e-6)
    return (
        f"a false-match rate of {rate:g} cannot be told from the {pairs:,} pairs of two people in {name}: it needs {needed:,} "
        f"pairs, of which {FEWEST_FALSE_MATCHES} then match, so about {more_images(needed, pairs, identities, images):,} photos "
        "more, of other people, as many of each as now"
    )


def more_images(needed: int, pairs: int, identities: int, images: int) -> int:
    """How many more make so many pairs of two people, if they are of other people and as many of each as now in the mean.

    With m a person, a more images make a (images) + a (a - m) / 2 pairs more.
    """
    b = 2 * images - images / identities
    return math.ceil((math.sqrt(b * b + 8 * (needed - pairs)) - b) / 2)


def _rounded_up(value: float) -> float:
    """To two digits."""
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / digit - 1e-9) * digit:.2g}")
