"""fast-reid's evaluator compiles nothing, and ranks in seconds and in bounded memory."""

from collections import OrderedDict
from itertools import chain

import numpy as np
import torch

from dcac_fastreid.evaluation.distances import FeatureDistances
from dcac_fastreid.evaluation.matches import Matches
from dcac_fastreid.evaluation.query_expansion import expand
from dcac_fastreid.evaluation.rank import evaluate_rank, rank_blocks
from dcac_fastreid.evaluation.rerank import RerankedDistances
from dcac_fastreid.evaluation.roc import rejection_rates
from fastreid.evaluation import ReidEvaluator, rank, reid_evaluation
from fastreid.utils import comm

host_evaluate = ReidEvaluator.evaluate


def compile_nothing() -> None:
    # The host logs "compiling" before and "done" after this call.
    reid_evaluation.logger.info("Nothing to compile: dcac_fastreid ranks without the Cython extension")


def skip_compilation() -> None:
    """fastreid/evaluation/reid_evaluation.py:138 runs `make` in the installed package at the first evaluation.

    Without make, Cython, a compiler or the right to write there, evaluation/rank_cylib/__init__.py:20 ends the process
    with sys.exit(1), after training. Any version.
    """
    reid_evaluation.compile_helper = compile_nothing


def rank_by_counting() -> None:
    """fastreid/evaluation/rank.py:99 (eval_market1501), behind evaluate_rank.

    The Python loop needs minutes on Market1501 and half an hour on MSMT17. NumPy >= 1.24: ValueError (inhomogeneous
    shape, rank.py:156) when a query has fewer than max_rank gallery images. Distances that are NaN give a score.
    """
    rank.evaluate_rank = evaluate_rank


def evaluate(self) -> dict:
    """The host's results from the same features and settings (TEST.METRIC, AQE, RERANK, ROC); {} but in the main process."""
    comm.synchronize()
    predictions = list(chain(*comm.gather(self._predictions, dst=0)))
    if not comm.is_main_process():
        return {}
    features, pids, camids = (torch.cat([batch[key] for batch in predictions]) for key in ("feats", "pids", "camids"))
    queries, test, device = self._num_query, self.cfg.TEST, self.cfg.MODEL.DEVICE

    if test.AQE.ENABLED:
        reid_evaluation.logger.info("Features are expanded by their neighbours' (TEST.AQE)")
        features = expand(features, test.AQE.QE_TIME, test.AQE.QE_K, test.AQE.ALPHA, device)
    distances = FeatureDistances(features[:queries], features[queries:], test.METRIC, device)
    if test.RERANK.ENABLED:
        reid_evaluation.logger.info("Distances are re-ranked (TEST.RERANK)")
        distances = RerankedDistances(distances, test.RERANK.K1, test.RERANK.K2, test.RERANK.LAMBDA)
    matches = Matches(pids[:queries], pids[queries:], camids[:queries], camids[queries:])
    cmc, all_AP, all_INP = rank_blocks(distances, matches, max_rank=10)

    results = OrderedDict((f"Rank-{k}", cmc[k - 1] * 100) for k in (1, 5, 10))
    results["mAP"], results["mINP"] = np.mean(all_AP) * 100, np.mean(all_INP) * 100
    results["metric"] = (np.mean(all_AP) + cmc[0]) / 2 * 100
    if test.ROC.ENABLED:
        rates = (1e-4, 1e-3, 1e-2)
        for rate, rejected in zip(rates, rejection_rates(distances, matches, rates), strict=True):
            results[f"TPR@FPR={rate:.0e}"] = rejected
    return results


def evaluate_in_blocks() -> None:
    """fastreid/evaluation/reid_evaluation.py:55 builds all distances at once, 3.8 GB on MSMT17, and ranks that matrix.

    Any version. TEST.AQE makes similarities of all images to all (evaluation/query_expansion.py:33; 35 GB, and a copy),
    TEST.RERANK several such matrices (utils/compute_dist.py:94), on a GPU alone; with fewer images than TEST.RERANK.K1
    its neighbours are wrong. TEST.ROC lists every distance. Images without a camera (-1) count as one camera's.
    TEST.AQE with no more images than QE_K: ValueError, kth out of bounds; with ALPHA such as 2.5, NaN features. TEST.ROC
    takes the lowest of several true positive rates: see rejection_rates.
    """
    ReidEvaluator.evaluate = evaluate
