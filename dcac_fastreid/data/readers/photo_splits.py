"""Which people of one's own photos are trained on, and which photos of the others are queries or gallery of the test?"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from dcac_fastreid.data.readers.photos import Photo, draw_lot

MOST_QUERIES = 6  # of a person: someone with many photos should not decide the score


def train_half(identities: Iterable[str]) -> set[str]:
    """Half of the people, the larger one, drawn by their names alone: the same in every run and on every machine.

    Where people are added later, at most one of the others changes sides for each.
    """
    drawn = sorted(set(identities), key=draw_lot)
    return set(drawn[: (len(drawn) + 1) // 2])


def query_and_gallery(
    photos: Sequence[Photo], places: Sequence[Hashable], *, keep_rest: bool
) -> tuple[list[Photo], list[Photo], list[Photo]]:
    """Queries, gallery, and photos in neither, so that every query has an answer from another place.

    A third of the places of each person, at least one and at most MOST_QUERIES, give a query each, drawn by the photos' names.
    A person of a single place is in the gallery alone.

    Args:
        places: for each photo, where it was taken: the camera, or a group of near-duplicates where cameras are unknown.
        keep_rest: the other photos of a query's place are in the gallery (the score passes over a match by the query's own
            camera); else in neither.
    """
    by_person = defaultdict(lambda: defaultdict(list))
    for photo, place in zip(photos, places, strict=True):
        by_person[photo.person][place].append(photo)
    queries, gallery, left_out = [], [], []
    for person in sorted(by_person):
        drawn = sorted((sorted(taken, key=lambda photo: photo.lot) for taken in by_person[person].values()), key=_first)
        queried = 0 if len(drawn) < 2 else min(MOST_QUERIES, max(1, len(drawn) // 3))
        queries += [taken[0] for taken in drawn[:queried]]
        (gallery if keep_rest else left_out).extend(photo for taken in drawn[:queried] for photo in taken[1:])
        gallery += [photo for taken in drawn[queried:] for photo in taken]
    return tuple(sorted(split, key=lambda photo: photo.path) for split in (queries, gallery, left_out))


def _first(taken: list[Photo]) -> str:
    return taken[0].lot
