"""Ranked lists: queries with their nearest gallery images, right or wrong.

fast-reid's Visualizer is not used: it sorts a full matrix of indices (7.7 GB of MSMT17), tells right from wrong by red and blue
alone, takes an unknown camera (-1) for one camera, and draws into pyplot's one global figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcac_fastreid import data
from dcac_fastreid.analysis.options import ORDERS
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.analysis.test_set import TestSet
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import RIGHT, WRONG, Section, Strip, Tile
from dcac_fastreid.pages.sheet import tile_section

ROWS = 8  # lists of one section


@dataclass(frozen=True)
class RankedList:
    """A query's list as the evaluation ranks it, without junk.

    Attributes:
        nearest: indices of gallery images, (k,). distances: (k,). right: (k,), whether each is a match.
        match_ranks: ranks of all matches, from 1.
    """

    query: int
    nearest: np.ndarray
    distances: np.ndarray
    right: np.ndarray
    match_ranks: np.ndarray


def sections(run: Run, *, order: str = "worst", queries: int = 8, k: int = 10) -> list[Section]:
    """Lists of the queries with the lowest average precision, or the highest, and the k nearest gallery images of each.

    Raises: InputError: an order that is not known, or a number below 1.
    """
    if order not in ORDERS:
        raise InputError(f"ranked lists are asked for in order {order!r}; expected one of {', '.join(ORDERS)}")
    for number, what in ((queries, "queries"), (k, "gallery images of each (k)")):
        if number < 1:
            raise InputError(f"ranked lists of {number} {what} are asked for; expected 1 or more")
    test_set = run.test_set()
    chosen = by_average_precision(test_set.average_precisions, order)[:queries]
    lists = ranked_lists(test_set, chosen, k)
    made = []
    for begin in range(0, len(lists), ROWS):
        part = lists[begin : begin + ROWS]
        number = f" ({begin + 1} to {begin + len(part)})" if len(lists) > ROWS else ""
        made.append(
            tile_section(
                name="-".join(filter(None, ("ranked-lists", order, f"{begin // ROWS + 1}" if number else ""))),
                title=f"Ranked lists, {order} first{number}",
                strips=[_strip(test_set, each) for each in part],
                caption=_caption(run, test_set, order, k),
            )
        )
    return made


def by_average_precision(average_precisions: np.ndarray, order: str) -> np.ndarray:
    """Queries with a match, the worst or the best first; equal ones in the data set's order."""
    values = average_precisions if order == "worst" else -average_precisions
    return values.argsort(kind="stable")[: np.isfinite(average_precisions).sum()]  # NaN comes last


def ranked_lists(test_set: TestSet, queries: Sequence[int], k: int) -> list[RankedList]:
    """The lists of some queries, in their order; distances are made block by block, as in the evaluation."""
    lists = {}
    for first, block in test_set.distances:
        for query in queries:
            if 0 <= query - first < len(block):
                lists[query] = _ranked_list(test_set, query, block[query - first], k)
    return [lists[query] for query in queries]


def _ranked_list(test_set: TestSet, query: int, distances: np.ndarray, k: int) -> RankedList:
    same_person, is_junk = test_set.matches.of(query)
    is_match = np.zeros(len(distances), dtype=bool)
    is_match[same_person[~is_junk]] = True
    order = distances.argsort(kind="stable")
    order = order[~np.isin(order, same_person[is_junk])]
    nearest = order[:k]
    return RankedList(query, nearest, distances[nearest], is_match[nearest], np.flatnonzero(is_match[order]) + 1)


def _caption(run: Run, test_set: TestSet, order: str, k: int) -> str:
    scores = test_set.scores
    measure = "cosine similarity" if test_set.similarity else "distance (the nearest first)"
    which = "lowest" if order == "worst" else "highest"
    junk = "As in the evaluation, images of the query's person by the query's own camera are left out. "
    return (
        f"{run.name} on {test_set.name}: the queries with the {which} average precision (AP), each with its {k} nearest gallery "
        f"images; mAP of all queries {scores['mAP']:.1f} %, Rank-1 {scores['Rank-1']:.1f} %. A tick and a green frame: the same "
        f"person; a cross and a red frame: another one. Beside the sign stands the {measure}. "
        f"{junk if test_set.has_cameras else ''}A distractor is a person of no query."
    )


def _strip(test_set: TestSet, ranked: RankedList) -> Strip:
    tiles = [_tile(test_set, ranked.query, ["query"], "query")]
    for place, image in enumerate(ranked.nearest):
        tone, sign = ("right", RIGHT) if ranked.right[place] else ("wrong", WRONG)
        value = 1 - ranked.distances[place] if test_set.similarity else ranked.distances[place]
        tiles.append(_tile(test_set, test_set.num_query + image, [f"{place + 1} {sign} {value:.2f}"], tone))
    return Strip(tiles, _heading(test_set, ranked))


def _tile(test_set: TestSet, image: int, lines: list[str], tone: str) -> Tile:
    camera, person = test_set.cameras[image], test_set.people[image]
    is_queried = person in test_set.people[: test_set.num_query]
    name = test_set.person_names.get(person, f"person {person}") if is_queried else "distractor"
    where = f"camera {camera + 1}" if camera >= 0 else "camera unknown"
    return Tile(data.read_image(test_set.paths[image]), [*lines, where], name, tone)


def _heading(test_set: TestSet, ranked: RankedList) -> str:
    ranks, shown = ranked.match_ranks, len(ranked.nearest)
    return (
        f"AP {test_set.average_precisions[ranked.query]:.1f} %: {ranked.right.sum()} of {len(ranks)} matches among the first "
        f"{shown}, the first at rank {ranks[0]}, the last at {ranks[-1]}"
    )
