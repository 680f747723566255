"""Saving and loading of training runs."""

from dcac_fastreid.checkpoint.checkpointer import StrictCheckpointer, load_for_testing
from dcac_fastreid.checkpoint.earlier_run import set_aside
from dcac_fastreid.checkpoint.selection import marks

__all__ = ["StrictCheckpointer", "load_for_testing", "marks", "set_aside"]
