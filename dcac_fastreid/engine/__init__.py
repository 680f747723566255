"""Running the method: the trainer, its hooks, the set-up of a run."""

from dcac_fastreid.engine.config_file import load_config
from dcac_fastreid.engine.setup import check_command, setup
from dcac_fastreid.engine.trainer import DCACTrainer

__all__ = ["DCACTrainer", "check_command", "load_config", "setup"]
