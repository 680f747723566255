"""The host's evaluator with our ranking and without a compiler."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from dcac_fastreid.errors import InputError
from fastreid.evaluation import ReidEvaluator, rank, rank_cylib, reid_evaluation


@pytest.fixture
def no_compiler(monkeypatch):
    """No compiled extension, and a make that fails. Returns the commands that were run."""
    commands = []

    def fail(command, **kwargs):
        commands.append(command)
        return subprocess.CompletedProcess(command, returncode=2)

    monkeypatch.setitem(sys.modules, "fastreid.evaluation.rank_cylib.rank_cy", None)
    monkeypatch.setattr(subprocess, "run", fail)
    return commands


def evaluate(cfg, features):
    """One query (identity 1, camera 0) and a gallery: identity 1 by camera 1, then others."""
    others = len(features) - 2
    evaluator = ReidEvaluator(cfg, num_query=1)
    targets = {"targets": torch.tensor([1, 1, *range(2, 2 + others)]), "camids": torch.tensor([0] + [1] * (1 + others))}
    evaluator.process(targets, features)
    return evaluator.evaluate()


def test_host_ends_the_process_where_the_extension_cannot_be_built(no_compiler, monkeypatch, host_cfg):
    monkeypatch.setattr(reid_evaluation, "compile_helper", rank_cylib.compile_helper)
    with pytest.raises(SystemExit):
        ReidEvaluator(host_cfg, num_query=1)
    assert no_compiler


def test_evaluation_runs_no_compiler_and_needs_no_extension(no_compiler, host_cfg):
    # Cosine to the query: the match 0.8, one gallery image nearer (1), nine farther (0).
    features = torch.tensor([[1.0, 0.0], [0.8, 0.6], [1.0, 0.0]] + 9 * [[0.0, 1.0]])
    results = evaluate(host_cfg, features)
    assert not no_compiler
    assert (results["Rank-1"], results["Rank-5"], results["mAP"], results["mINP"]) == (0, 100, 50, 50)


def test_host_fails_on_a_gallery_smaller_than_ten(no_compiler, monkeypatch, host_cfg):
    monkeypatch.setattr(rank, "evaluate_rank", lambda *args: rank.evaluate_py(*args, 50, False))
    with pytest.raises((IndexError, ValueError)):
        evaluate(host_cfg, torch.eye(5))


def test_gallery_smaller_than_ten_is_ranked(no_compiler, host_cfg):
    results = evaluate(host_cfg, torch.eye(5))
    assert results["Rank-1"] == results["Rank-10"] == 100


def test_features_that_are_nan_give_no_score(host_cfg):
    with pytest.raises(InputError, match="NaN"):
        evaluate(host_cfg, torch.eye(5) * np.nan)
