"""The host's evaluator with our ranking and without a compiler."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from dcac_fastreid.compat.distances import host_jaccard_distance
from dcac_fastreid.compat.evaluation import host_evaluate
from dcac_fastreid.errors import InputError
from fastreid.evaluation import ReidEvaluator, rank, rank_cylib, reid_evaluation
from fastreid.utils import compute_dist


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


def evaluator_of(cfg, features):
    """One query (identity 1, camera 0) and a gallery: identity 1 by camera 1, then others."""
    others = len(features) - 2
    evaluator = ReidEvaluator(cfg, num_query=1)
    targets = {"targets": torch.tensor([1, 1, *range(2, 2 + others)]), "camids": torch.tensor([0] + [1] * (1 + others))}
    evaluator.process(targets, features)
    return evaluator


def crowd_evaluator(cfg, cameras=3):
    """30 queries and 120 gallery images of 12 identities, in four batches."""
    generator = torch.Generator().manual_seed(0)
    pids = torch.randint(12, (150,), generator=generator)
    features = torch.randn(12, 16, generator=generator)[pids] + 1.5 * torch.randn(150, 16, generator=generator)
    camids = torch.randint(cameras, (150,), generator=generator) if cameras else torch.full((150,), -1)
    evaluator = ReidEvaluator(cfg, num_query=30)
    for batch in torch.arange(150).split(40):
        evaluator.process({"targets": pids[batch], "camids": camids[batch]}, features[batch])
    return evaluator


def test_host_ends_the_process_where_the_extension_cannot_be_built(no_compiler, monkeypatch, host_cfg):
    monkeypatch.setattr(reid_evaluation, "compile_helper", rank_cylib.compile_helper)
    with pytest.raises(SystemExit):
        ReidEvaluator(host_cfg, num_query=1)
    assert no_compiler


def test_evaluation_runs_no_compiler_and_needs_no_extension(no_compiler, host_cfg):
    # Cosine to the query: the match 0.8, one gallery image nearer (1), nine farther (0).
    features = torch.tensor([[1.0, 0.0], [0.8, 0.6], [1.0, 0.0]] + 9 * [[0.0, 1.0]])
    results = evaluator_of(host_cfg, features).evaluate()
    assert not no_compiler
    assert (results["Rank-1"], results["Rank-5"], results["mAP"], results["mINP"]) == (0, 100, 50, 50)


@pytest.mark.filterwarnings("ignore:.*addmm_", "ignore:Cython roc")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("switches", [(), ("AQE",), ("RERANK",), ("ROC",), ("AQE", "RERANK", "ROC")], ids="+".join)
def test_results_are_the_hosts(host_cfg, monkeypatch, metric, switches):
    host_cfg.TEST.METRIC = metric
    for switch in switches:
        host_cfg.TEST[switch].ENABLED = True
    results = crowd_evaluator(host_cfg).evaluate()
    monkeypatch.setattr(rank, "evaluate_rank", lambda *args: rank.eval_market1501(*args, 50))
    monkeypatch.setattr(
        compute_dist,
        "compute_jaccard_distance",
        lambda features, k1, k2, search_option: host_jaccard_distance(features, k1, k2, search_option=3),
    )
    host = host_evaluate(crowd_evaluator(host_cfg))
    assert type(results) is type(host)
    assert list(results) == list(host)
    assert 0 < results["mAP"] < 100
    scores = [key for key in host if "TPR" not in key]  # of which the host takes the lowest: the next tests
    assert [results[key] for key in scores] == pytest.approx([host[key] for key in scores], abs=1e-4)
    assert all(host[key] <= results[key] <= 1 for key in host if "TPR" in key)


def test_evaluation_builds_no_matrix(host_cfg, monkeypatch):
    for name in ("build_dist", "compute_cosine_distance", "compute_jaccard_distance"):
        monkeypatch.setattr(compute_dist, name, None)
    for name in ("build_dist", "aqe"):
        monkeypatch.setattr(reid_evaluation, name, None)
    for switch in ("AQE", "RERANK", "ROC"):
        host_cfg.TEST[switch].ENABLED = True
    assert crowd_evaluator(host_cfg).evaluate()["mAP"] > 0


@pytest.mark.filterwarnings("ignore:Cython roc")
def test_few_matches_have_a_true_positive_rate(host_cfg):
    """Distances 0.2 to the match, 0 to one other image, 1 to nine others: nine of ten others are farther than the match."""
    host_cfg.TEST.ROC.ENABLED = True
    features = torch.tensor([[1.0, 0.0], [0.8, 0.6], [1.0, 0.0]] + 9 * [[0.0, 1.0]])
    rates = ["TPR@FPR=1e-04", "TPR@FPR=1e-03", "TPR@FPR=1e-02"]
    results, host = (evaluate(evaluator_of(host_cfg, features)) for evaluate in (ReidEvaluator.evaluate, host_evaluate))
    assert [results[rate] for rate in rates] == pytest.approx([0.9, 0.9, 0.9])
    assert [host[rate] for rate in rates] == [0, 0, 0]


def test_images_without_cameras_are_ranked(host_cfg, monkeypatch):
    assert crowd_evaluator(host_cfg, cameras=None).evaluate()["mAP"] > 0
    monkeypatch.setattr(rank, "evaluate_rank", lambda *args: rank.eval_market1501(*args, 50))
    with pytest.raises(AssertionError, match="do not appear in gallery"):
        host_evaluate(crowd_evaluator(host_cfg, cameras=None))


def test_host_fails_on_a_gallery_smaller_than_ten(no_compiler, monkeypatch, host_cfg):
    monkeypatch.setattr(rank, "evaluate_rank", lambda *args: rank.evaluate_py(*args, 50, False))
    with pytest.raises((IndexError, ValueError)):
        host_evaluate(evaluator_of(host_cfg, torch.eye(5)))


def test_gallery_smaller_than_ten_is_ranked(no_compiler, host_cfg):
    results = evaluator_of(host_cfg, torch.eye(5)).evaluate()
    assert results["Rank-1"] == results["Rank-10"] == 100


@pytest.mark.parametrize("switch", ["AQE", "RERANK", "ROC"])
def test_features_that_are_nan_give_no_score(host_cfg, switch):
    host_cfg.TEST[switch].ENABLED = True
    with pytest.raises(InputError, match="NaN"):
        evaluator_of(host_cfg, torch.eye(30) * np.nan).evaluate()
