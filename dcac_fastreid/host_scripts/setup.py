"""How a script begins: the host's default_setup, in a folder that no other run has."""

from dcac_fastreid.engine.run_folder import evaluation_folder, take
from dcac_fastreid.training_options import with_config_path
from fastreid.engine import defaults

host_default_setup = defaults.default_setup


def default_setup(cfg, args) -> None:
    """fast-reid's; this process holds the folder from then on. An evaluation writes its config.yaml and log.txt beside the run's.

    Raises: InputError: another run has the folder, or a launcher has started this process with others, which it has not joined.
    """
    if getattr(args, "eval_only", False):
        cfg = cfg.clone()
        cfg.defrost()
        cfg.OUTPUT_DIR = evaluation_folder(cfg.OUTPUT_DIR)
    take(cfg.OUTPUT_DIR)
    host_default_setup(cfg, with_config_path(args))
