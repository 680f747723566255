import pytest

from dcac_fastreid.data.readers.photo_splits import MOST_QUERIES, query_and_gallery, train_half
from dcac_fastreid.data.readers.photos import Photo

PERSONS = [f"person {number}" for number in range(21)]


def photos(*counts):
    """counts: photos of the first person, of the second, ..."""
    return [Photo(f"{who}/{n}.jpg", str(who), None) for who, count in enumerate(counts) for n in range(count)]


def test_half_of_the_people_train_whatever_their_order():
    half = train_half(PERSONS)
    assert len(half) == 11 and half == train_half(reversed(PERSONS * 2))
    assert half == {f"person {number}" for number in (3, 4, 5, 9, 10, 12, 13, 15, 16, 19, 20)}, (
        "the same on every machine"
    )


def test_another_person_moves_one_at_most():
    before, after = train_half(PERSONS), train_half([*PERSONS, "anna"])
    assert len((before ^ after) - {"anna"}) <= 1


@pytest.mark.parametrize("keep_rest", [True, False])
def test_every_query_has_an_answer_from_another_place_and_nothing_is_on_both_sides(keep_rest):
    taken = photos(1, 2, 7, 12, 5)
    places = [index // 2 for index in range(len(taken))]
    query, gallery, left_out = query_and_gallery(taken, places, keep_rest=keep_rest)
    assert sorted([*query, *gallery, *left_out], key=taken.index) == taken
    place_of = dict(zip(taken, places, strict=True))
    for asked in query:
        others = [photo for photo in gallery if photo.person == asked.person]
        assert {place_of[photo] for photo in others} - {place_of[asked]}
        assert keep_rest or place_of[asked] not in {place_of[photo] for photo in others}
    assert bool(left_out) is not keep_rest
    assert {photo.person for photo in query} == {"2", "3", "4"} | ({"1"} if places[1] != places[2] else set())


def test_a_third_of_the_places_ask_and_never_too_many():
    for places, queries in ((1, 0), (2, 1), (5, 1), (6, 2), (100, MOST_QUERIES)):
        taken = photos(places)
        query, gallery, left_out = query_and_gallery(taken, range(places), keep_rest=False)
        assert (len(query), len(gallery), len(left_out)) == (queries, places - queries, 0)


def test_the_split_does_not_depend_on_the_folder():
    taken = photos(6, 6)
    moved = [Photo(f"/elsewhere/{photo.path}", photo.person, None) for photo in taken]
    names = [
        [photo.path[-5:] for photo in query_and_gallery(some, [*range(6)] * 2, keep_rest=True)[0]]
        for some in (taken, moved)
    ]
    assert names[0] == names[1]
