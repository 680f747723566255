"""Junk and matches, and images whose camera is not known."""

import numpy as np
import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation import evaluate_rank
from dcac_fastreid.evaluation.matches import Matches


def test_same_identity_is_a_match_by_another_camera_and_junk_by_the_same():
    matches = Matches([7, 3, 9], [3, 7, 3, 5, 7], [0, 1, 0], [1, 0, 2, 0, 1])
    of_queries = [[values.tolist() for values in matches.of(query)] for query in range(3)]
    assert of_queries == [[[1, 4], [True, False]], [[0, 2], [True, False]], [[], []]]


def test_an_unknown_camera_makes_no_junk():
    matches = Matches([7, 7], [7, 7, 7], [-1, 0], [-1, 0, -2])
    assert [matches.of(query)[1].tolist() for query in range(2)] == [[False, False, False], [False, True, False]]


def test_without_cameras_every_image_of_the_identity_is_ranked():
    generator = np.random.default_rng(0)
    distances = generator.random((5, 60), dtype=np.float32)
    pids = np.arange(5), np.arange(60) % 8
    unknown = evaluate_rank(distances, *pids, np.full(5, -1), np.full(60, -1))
    others = evaluate_rank(distances, *pids, np.zeros(5), np.ones(60))
    for ours, theirs in zip(unknown, others, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_one_known_camera_leaves_nothing_to_rank():
    with pytest.raises(InputError, match="no query has a match by another camera .* not known, -1"):
        evaluate_rank(np.zeros((1, 2)), [1], [1, 2], [0], [0, 0])
