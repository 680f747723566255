"""Exact ranking in bounded memory."""

from dcac_fastreid.evaluation.rank import evaluate_rank, rank_features

__all__ = ["evaluate_rank", "rank_features"]
