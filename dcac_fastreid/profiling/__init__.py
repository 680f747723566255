"""Counts, costs and speed of a model on this machine."""

from dcac_fastreid.profiling.benchmark import SECTIONS, benchmark
from dcac_fastreid.profiling.checkpoint_size import checkpoint_bytes, checkpoint_names
from dcac_fastreid.profiling.machine import start_again_with_allocator
from dcac_fastreid.profiling.model_stats import model_stats
from dcac_fastreid.profiling.plan import plan
from dcac_fastreid.profiling.report import report, report_plan
from dcac_fastreid.profiling.report_training import describe_training
from dcac_fastreid.profiling.training_files import latent_bytes
from dcac_fastreid.profiling.training_images import TrainingImages, training_images
from dcac_fastreid.profiling.training_time import Planner, steps_per_epoch
from dcac_fastreid.profiling.workload import workload

__all__ = [
    "SECTIONS",
    "Planner",
    "TrainingImages",
    "benchmark",
    "checkpoint_bytes",
    "checkpoint_names",
    "describe_training",
    "latent_bytes",
    "model_stats",
    "plan",
    "report",
    "report_plan",
    "start_again_with_allocator",
    "steps_per_epoch",
    "training_images",
    "workload",
]
