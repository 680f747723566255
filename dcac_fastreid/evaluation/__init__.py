"""Exact ranking in bounded memory."""

from dcac_fastreid.evaluation.rank import evaluate_rank, rank_features
from dcac_fastreid.evaluation.scores import scores

__all__ = ["evaluate_rank", "rank_features", "scores"]
