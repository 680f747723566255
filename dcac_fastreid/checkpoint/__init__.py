"""Saving and loading of training runs."""

from dcac_fastreid.checkpoint.checkpointer import StrictCheckpointer, load_for_testing

__all__ = ["StrictCheckpointer", "load_for_testing"]
