"""fast-reid's evaluator hands its features to dcac_fastreid.evaluation."""

import torch

from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.evaluation import evaluate_rank, scores
from dcac_fastreid.evaluation.ranking_distances import distance_settings
from fastreid.evaluation import ReidEvaluator, rank, reid_evaluation
from fastreid.utils import comm

host_evaluate = ReidEvaluator.evaluate


def compile_nothing() -> None:
    """dcac_fastreid ranks without the Cython extension; that the host says otherwise, log_lines.say_what_is prevents."""


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
    """The host's results from the same features and settings (TEST.METRIC, AQE, RERANK, ROC); {} but in the main process.

    All processes rank together. The host ranks in the first, and the others wait in a barrier, which nccl ends after ten
    minutes, and the job with it. What cannot be scored is an InputError in all of them.

    Afterwards self.of_queries holds what each query scored, see `scores`.
    """
    processes = processes_of_job()
    predictions = processes.together(lambda: self._predictions)
    features, pids, camids = (torch.cat([batch[key] for batch in predictions]) for key in ("feats", "pids", "camids"))
    self.of_queries = {}
    results = scores(
        features,
        pids,
        camids,
        self._num_query,
        **distance_settings(self.cfg.TEST),
        device=self.cfg.MODEL.DEVICE,
        roc=self.cfg.TEST.ROC.ENABLED,
        of_queries=self.of_queries,
        processes=processes,
    )
    return results if comm.is_main_process() else {}


def evaluate_in_blocks() -> None:
    """fastreid/evaluation/reid_evaluation.py:55 builds all distances at once, 3.8 GB on MSMT17, and ranks that matrix.

    Any version. TEST.AQE makes similarities of all images to all (evaluation/query_expansion.py:33; 35 GB, and a copy),
    TEST.RERANK several such matrices (utils/compute_dist.py:94), on a GPU alone; with fewer images than TEST.RERANK.K1
    its neighbours are wrong. TEST.ROC lists every distance. Images without a camera (-1) count as one camera's.
    TEST.AQE with no more images than QE_K: ValueError, kth out of bounds; with ALPHA such as 2.5, NaN features. TEST.ROC
    takes the lowest of several true positive rates: see rejection_rates.
    """
    ReidEvaluator.evaluate = evaluate
