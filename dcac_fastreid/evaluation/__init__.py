"""Exact ranking."""

from dcac_fastreid.evaluation.rank import evaluate_rank

__all__ = ["evaluate_rank"]
