"""Can a test split be scored at all?"""

import logging
from collections import defaultdict

from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.warn_once import warn_once

logger = logging.getLogger("fastreid.dcac")
# Both keys: DATASETS.TESTS may be empty only where no evaluation is due.
WITHOUT_TEST = (
    "to train without a test on it, take it out of DATASETS.TESTS (and where none is left, set TEST.EVAL_PERIOD 0)"
)


def check_test_split(name: str, query: list[tuple], gallery: list[tuple]) -> None:
    """Looks for queries that no image of the gallery can answer: a match is the same person by another camera.

    Query identities without a match are wrong input, as the score would silently leave them out; only the split of the
    literature, to the image, is scored as the literature scores it, without them.

    Args:
        name: of the data set, in DATASETS.TESTS.
        query, gallery: (path, person, camera).
    Raises:
        InputError: an empty part, one camera only, or query identities without a match.
    """
    for what, items in (("query", query), ("gallery", gallery)):
        if not items:
            raise InputError(f"{name} has no {what} images, so nothing can be tested on it; {WITHOUT_TEST}")
    cameras = {camera for _, _, camera in (*query, *gallery)}
    if len(cameras) == 1:
        raise InputError(
            f"{name}: {len(query)} query and {len(gallery)} gallery images come from 1 camera, expected 2 or more, as a "
            f"match is the same person by another camera; check the cameras in the file names, or {WITHOUT_TEST}"
        )
    message = _lonely_queries(name, query, gallery)
    if message and not _is_of_the_literature(name, query, gallery):
        raise InputError(f"{message}; remove them from the query folder, or add their images to the gallery")
    if message:
        logger.info(f"{message}; left out of the score, as in the literature")


def warn_of_lonely_queries(name: str, query: list[tuple], gallery: list[tuple]) -> None:
    """Logs which query identities DATALOADER.SKIP_CORRUPT has left without a match; the score leaves them out."""
    if message := _lonely_queries(name, query, gallery):
        logger.warning(f"{message} that can be read; left out of the score")


def one_identity(name: str, query: list[tuple], gallery: list[tuple]) -> str:
    """A sentence where nobody but the people of the queries could be taken for them, or they are one; else empty."""
    asked = {person for _, person, _ in query}
    if len(asked) > 1:
        return ""
    others = {person for _, person, _ in gallery} - asked
    why = "every ranking is right" if not others else "the score is that of this one"
    return f"{name}: all {len(query)} queries are of one identity, so {why}, and says little; test on more identities"


def warn_of_one_identity(name: str, query: list[tuple], gallery: list[tuple]) -> None:
    if sentence := one_identity(name, query, gallery):
        warn_once(sentence)


def _lonely_queries(name: str, query: list[tuple], gallery: list[tuple]) -> str:
    """A sentence that names the query identities without a match; empty where each has one."""
    lonely = _without_match(query, gallery)
    if not lonely:
        return ""
    return f"{name}: {len(lonely)} query identities have no gallery image by another camera ({shown(lonely)})"


def _without_match(query: list[tuple], gallery: list[tuple]) -> list:
    seen_by = defaultdict(set)
    for _, person, camera in gallery:
        seen_by[person].add(camera)
    matched = {person for _, person, camera in query if seen_by[person] - {camera}}
    return sorted({person for _, person, _ in query} - matched)


def _is_of_the_literature(name: str, query: list[tuple], gallery: list[tuple]) -> bool:
    counts = KNOWN_DATASETS[name].counts if name in KNOWN_DATASETS else {}
    return bool(counts) and (len(query), len(gallery)) == (counts["query"][1], counts["gallery"][1])
