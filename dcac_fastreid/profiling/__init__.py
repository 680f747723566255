"""Counts, costs and speed of a model on this machine."""

from dcac_fastreid.profiling.benchmark import SECTIONS, benchmark
from dcac_fastreid.profiling.machine import start_again_with_allocator
from dcac_fastreid.profiling.model_stats import model_stats
from dcac_fastreid.profiling.plan import plan
from dcac_fastreid.profiling.report import report, report_plan
from dcac_fastreid.profiling.report_training import describe_training
from dcac_fastreid.profiling.workload import workload

__all__ = [
    "SECTIONS",
    "benchmark",
    "describe_training",
    "model_stats",
    "plan",
    "report",
    "report_plan",
    "start_again_with_allocator",
    "workload",
]
