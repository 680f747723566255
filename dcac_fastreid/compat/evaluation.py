"""fast-reid's evaluator compiles nothing and ranks in seconds."""

from dcac_fastreid.evaluation.rank import evaluate_rank
from fastreid.evaluation import rank, reid_evaluation


def compile_nothing() -> None:
    # The host logs "compiling" before and "done" after this call.
    reid_evaluation.logger.info("Nothing to compile: dcac_fastreid ranks without the Cython extension")


def skip_compilation() -> None:
    """fastreid/evaluation/reid_evaluation.py:138 runs `make` in the installed package at the first evaluation.

    Without make, Cython, a compiler or the right to write there, evaluation/rank_cylib/__init__.py:20 ends the process
    with sys.exit(1), after training. Any version. TEST.ROC.ENABLED then runs the host's Python loop, evaluation/roc.py.
    """
    reid_evaluation.compile_helper = compile_nothing


def rank_by_counting() -> None:
    """fastreid/evaluation/rank.py:99 (eval_market1501), behind evaluate_rank, which evaluate() imports at every call.

    The Python loop needs minutes on Market1501 and half an hour on MSMT17. NumPy >= 1.24: ValueError (inhomogeneous
    shape, rank.py:156) when a query has fewer than max_rank gallery images. Distances that are NaN give a score.
    """
    rank.evaluate_rank = evaluate_rank
