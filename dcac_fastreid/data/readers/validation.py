"""Validation identities of the sources: people of the training set on whom a choice is made, so that no test set makes it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dcac_fastreid.data.locations import data_root
from dcac_fastreid.data.readers.photos import draw_lot
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError

SHARE = 10  # one identity of so many is held out
Item = tuple[str, str | int, str | int]  # path, person, camera


def holds_out(cfg) -> bool:
    """Whether a training on cfg needs validation identities."""
    return bool(cfg.SOLVER.INTERPOLATE.CHOOSE)


def training_items(cfg, dataset) -> list[Item]:
    """A data set's training images; where cfg needs validation identities, without those that are held out of it."""
    if not holds_out(cfg) or own_validation(dataset):
        return list(dataset.train)
    held_out = held_out_identities(person for _, person, _ in dataset.train)
    return [item for item in dataset.train if item[1] not in held_out]


def validation_items(dataset) -> list[Item]:
    """The data set's own `validation`, or else the identities held out of its training images."""
    if own := own_validation(dataset):
        return own
    held_out = held_out_identities(person for _, person, _ in dataset.train)
    return [item for item in dataset.train if item[1] in held_out]


def held_out_identities(identities: Iterable[str | int]) -> set[str | int]:
    """A tenth of the people, two at least, drawn by their labels alone: the same in every run and on every machine."""
    drawn = sorted(set(identities), key=lambda person: draw_lot(str(person)))
    return set(drawn[: max(2, len(drawn) // SHARE)])


def query_and_gallery(items: Sequence[Item]) -> tuple[list[tuple[str, int, int]], list[tuple[str, int, int]]]:
    """The first image of a person by each camera is a query, and all images are the gallery; of people seen by two cameras or more.

    A query's own image is passed over, as every match by its own camera. People and cameras are numbered.
    """
    cameras_of = defaultdict(set)
    for _, person, camera in items:
        cameras_of[person].add(camera)
    identities = {person: number for number, person in enumerate(sorted(cameras_of, key=str))}
    cameras = sorted({camera for _, _, camera in items}, key=str)
    gallery = [(path, identities[person], cameras.index(camera)) for path, person, camera in sorted(items)]
    first = {}
    for path, person, camera in gallery:
        first.setdefault((person, camera), (path, person, camera))
    several = {identities[person] for person, seen_by in cameras_of.items() if len(seen_by) > 1}
    return [item for item in first.values() if item[1] in several], gallery


def check_validation(cfg) -> None:
    """Raises InputError where a source has no validation identities by which a choice could be made; opens no image."""
    for name in cfg.DATASETS.NAMES if holds_out(cfg) else ():
        validation_split(cfg, name)


def validation_split(cfg, name: str) -> tuple[list, list]:
    """Query and gallery of a source's validation identities.

    Raises: InputError: too few of them to choose by.
    """
    dataset = read_dataset(name, data_root(cfg.DATASETS.ROOT), combineall=cfg.DATASETS.COMBINEALL)
    items = validation_items(dataset)
    query, gallery = query_and_gallery(items)
    if len({person for _, person, _ in query}) < 2:
        identities = len({person for _, person, _ in items})
        raise InputError(
            f"{name} has {identities} validation identities, of whom fewer than 2 are seen by two cameras: "
            "SOLVER.INTERPOLATE.CHOOSE cannot choose by them; set SOLVER.INTERPOLATE.ALPHA instead, such as 0.7"
        )
    return query, gallery


def own_validation(dataset) -> list[Item]:
    """Of a data set that has a part `validation`, its images, of people in no other part; else none."""
    return list(getattr(dataset, "validation", ()))
