"""The host's rates on a test set that can be counted by hand."""

import pytest
import torch
from sklearn import metrics

from fastreid.evaluation import ReidEvaluator, reid_evaluation


@pytest.fixture
def evaluate(host_cfg):
    """One query; distances 0.2 to its match, 0 to one other image, 1 to nine others, and 0 to one of its own camera."""
    host_cfg.TEST.ROC.ENABLED = True

    def evaluate():
        features = torch.tensor([[1.0, 0.0], [0.8, 0.6], [1.0, 0.0]] + 9 * [[0.0, 1.0]] + [[1.0, 0.0]])
        camids = torch.tensor([0] + 11 * [1] + [0])
        evaluator = ReidEvaluator(host_cfg, num_query=1)
        evaluator.process({"targets": torch.tensor([1, 1, *range(2, 12), 1]), "camids": camids}, features)
        results = evaluator.evaluate()
        return [results[f"TPR@FPR={rate}"] for rate in ("1e-04", "1e-03", "1e-02")]

    return evaluate


def test_nine_of_ten_others_are_rejected_with_no_match(evaluate):
    assert evaluate() == pytest.approx([0.9, 0.9, 0.9])


def test_host_rejects_none(evaluate, monkeypatch):
    monkeypatch.setattr(reid_evaluation, "metrics", metrics)
    assert evaluate() == [0, 0, 0]
