"""Counts and costs of a model."""

from dcac_fastreid.profiling.model_stats import model_stats

__all__ = ["model_stats"]
