"""Every config key: what it means and may hold, and how a file's or a command line's values become those of a config."""

from dcac_fastreid.config.rules import shown
from dcac_fastreid.config.values import (
    COMMAND_LINE,
    add_dcac_config,
    check_pairs,
    check_values,
    leaves,
    pairs,
    set_values,
)
from dcac_fastreid.config.yaml_files import BASE, read_config, read_config_text

__all__ = [
    "BASE",
    "COMMAND_LINE",
    "add_dcac_config",
    "check_pairs",
    "check_values",
    "leaves",
    "pairs",
    "read_config",
    "read_config_text",
    "set_values",
    "shown",
]
