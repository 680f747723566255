"""Is everything there, and does it fit, that any of these runs needs? Asked before the first of them is trained."""

from collections.abc import Sequence

from dcac_fastreid import data
from dcac_fastreid.distributed.join import check_joined
from dcac_fastreid.distributed.launch import check_processes
from dcac_fastreid.engine.preflight import check_cache, check_data, check_images, check_there
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.experiments.runs import Run
from fastreid.config import CfgNode


@data.read_once()
def check_runs(runs: Sequence[Run], *, num_gpus: int = 1, dry_run: bool = False) -> None:
    """Settings first, then what is missing of all runs together, then the data sets, then their images.

    Args:
        runs: that are to be trained. num_gpus: processes that share each training.
        dry_run: nothing is written, see `check_command`.
    Raises:
        InputError: settings with which any of them cannot be trained by so many processes, or faults of the data.
        MissingInputs: with all data sets and weights that any of them lacks.
    """
    check_joined()
    configs = kinds(runs)
    for cfg in configs:
        check_processes(num_gpus, on_gpus=cfg.MODEL.DEVICE != "cpu")
        check_settings(cfg, training=True, processes=num_gpus)
        check_cache(cfg, training=True)
    if configs:
        check_there(configs, training=True)
    readable = [cfg for cfg in configs if not dry_run or data.synthetic_data_is_there(cfg.DATASETS.ROOT)]
    check_data(readable, training=True)
    if not dry_run:
        check_images(configs)


def kinds(runs: Sequence[Run]) -> list[CfgNode]:
    """A config of each kind of run: seeds read the same."""
    return list({(run.row, run.source, run.cfg.DATASETS.ROOT): run.cfg for run in runs}.values())
