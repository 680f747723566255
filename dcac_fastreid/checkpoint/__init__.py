"""Saving and loading of training runs."""

from dcac_fastreid.checkpoint.architecture import carried_config, config_beside, encoder_config
from dcac_fastreid.checkpoint.checkpointer import StrictCheckpointer, load_for_testing
from dcac_fastreid.checkpoint.earlier_run import set_aside
from dcac_fastreid.checkpoint.selection import marks, selected_on

__all__ = [
    "StrictCheckpointer",
    "carried_config",
    "config_beside",
    "encoder_config",
    "load_for_testing",
    "marks",
    "selected_on",
    "set_aside",
]
