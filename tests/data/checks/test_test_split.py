from dataclasses import replace

import pytest

from dcac_fastreid.data import check_test_split
from dcac_fastreid.data.checks.test_split import warn_of_lonely_queries, warn_of_one_identity
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_once


def items(*seen):
    return [(f"{person}_{camera}.jpg", person, camera) for person, camera in seen]


def test_every_identity_with_one_answerable_query_is_fine():
    check_test_split("own", items((1, 0), (1, 1), (2, 0)), items((1, 1), (2, 1), (0, 3)))


@pytest.mark.parametrize(
    ("query", "gallery", "message"),
    [
        ((), ((1, 0),), "own has no query images"),
        (((1, 0),), (), "own has no gallery imag.*; to train without .* out of DATASETS.TESTS .*TEST.EVAL_PERIOD 0"),
        (((1, 0), (2, 0)), 3 * ((1, 0),), "2 query and 3 gallery imag.* from 1 camera, .*DATASETS.TESTS.*TEST.EVAL_PERIOD 0"),
        (((1, 0), (2, 0), (3, 1)), ((1, 1), (2, 0)), r"own: 2 query identities have no gallery image .* \(2, 3\);"),
        ([(person, 0) for person in range(9)], ((0, 1),), r"8 query identities .*\(1, 2, 3, 4, 5, ...\); remove them"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_an_error(query, gallery, message):
    with pytest.raises(InputError, match=message):
        check_test_split("own", items(*query), items(*gallery))


def test_a_test_on_one_identity_is_told(logged):
    warn_once.cache_clear()
    warn_of_one_identity("own", items((1, 0), (2, 0)), items((1, 1), (2, 1)))
    assert logged() == []
    warn_of_one_identity("own", items((1, 0), (1, 1)), items((1, 1), (1, 2)))
    warn_of_one_identity(
        "own",
        items(
            (1, 0),
        ),
        items((1, 1), (2, 2)),
    )
    every, one = logged()
    assert every.startswith(
        "own: all 2 queries are of one identity, so every ranking is right, and says little; test on"
    )
    assert "so the score is that of this one" in one


def test_the_literatures_split_is_scored_as_it_stands(monkeypatch, logged):
    known = replace(KNOWN_DATASETS["DG_DukeMTMC"], counts={"query": (2, 2), "gallery": (1, 2)})
    monkeypatch.setitem(KNOWN_DATASETS, "DG_DukeMTMC", known)
    query, gallery = items((1, 0), (2, 0)), items((1, 1), (1, 2))
    check_test_split("DG_DukeMTMC", query, gallery)
    assert "1 query identities have no gallery image by another camera (2); left out" in logged()[0]
    with pytest.raises(InputError, match="1 query identities"):
        check_test_split("DG_DukeMTMC", query, gallery[:1])


def test_queries_that_lost_their_matches_are_named(logged):
    warn_of_lonely_queries("own", [("q", 1, 0), ("q", 2, 0)], [("g", 1, 1)])
    assert logged() == [
        "own: 1 query identities have no gallery image by another camera (2) that can be read; left out of the score"
    ]
