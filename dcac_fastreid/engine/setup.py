"""From fast-reid's command line to a run that can begin: every check first, then the output folder and the log."""

import argparse
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dcac_fastreid import data
from dcac_fastreid.checkpoint import set_aside
from dcac_fastreid.config import read_config
from dcac_fastreid.distributed.join import begin
from dcac_fastreid.distributed.launch import check_processes, processes_of
from dcac_fastreid.engine.config_file import changed, load_config
from dcac_fastreid.engine.console import say_test, show_few_lines
from dcac_fastreid.engine.preflight import check_cache, check_data, check_images, check_there
from dcac_fastreid.engine.run_folder import check_free, check_seen_by_all, evaluation_folder, take
from dcac_fastreid.engine.run_metadata import write_run_metadata
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.engine.speed import pairs_of_run
from dcac_fastreid.engine.trial_model import check_model
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files
from dcac_fastreid.training_options import check_options, with_config_path
from fastreid.engine import default_setup
from fastreid.utils import comm
from fastreid.utils.logger import setup_logger

STAYING = ("config.yaml", "log.txt")  # what a run writes and does not move out of the way of another one that begins


def check_command(args: argparse.Namespace, *, dry_run: bool = False) -> None:
    """Checks what fast-reid's command line asks for before any process is started and any file written.

    Args:
        dry_run: nothing at all is written: no synthetic data set is made, the folder is not tried to be held, and no image is
            decoded, which keeps hashes and pixels in the cache folder.
    Raises:
        InputError: settings that cannot work, data that cannot be read, an output folder that cannot be written or in which
            another run is, processes that could not work together.
        FileNotFoundError: what the run would read is missing.
    """
    check_options(args)
    processes = processes_of(args.num_gpus, args.num_machines)
    cfg = load_config(args.config_file, args.opts, processes=processes)
    machines = args.num_gpus, args.num_machines, args.machine_rank, args.dist_url
    check_processes(*machines, on_gpus=cfg.MODEL.DEVICE != "cpu")
    check_settings(cfg, training=not args.eval_only, processes=processes)
    check_cache(cfg, training=not args.eval_only)
    # The folder is the first machine's to hold; the others may look at it while that one does.
    if folder := _output_folder(cfg, args) if args.machine_rank == 0 else "":
        if not dry_run:
            check_free(folder)  # asked again when the run begins; here it is told before minutes of preprocessing
    check_there([cfg], training=not args.eval_only)
    if not dry_run or data.synthetic_data_is_there(cfg.DATASETS.ROOT):
        check_data([cfg], training=not args.eval_only)
    if folder:
        check_writable(folder, "OUTPUT_DIR leads to")
        written = STAYING if _begins_anew(args) else (*STAYING, "metrics.json", "stamp.json")
        refuse_no_files(*(Path(folder) / name for name in written))
    if (
        _begins_anew(args)
        and cfg.MODEL.WEIGHTS
        and os.path.realpath(Path(cfg.MODEL.WEIGHTS).parent) == os.path.realpath(cfg.OUTPUT_DIR)
    ):
        raise InputError(
            f"MODEL.WEIGHTS {cfg.MODEL.WEIGHTS} lies in OUTPUT_DIR, whose earlier run is set aside when another one begins; "
            "choose another OUTPUT_DIR, or go on with the run by --resume"
        )
    check_model(cfg, training=not args.eval_only, processes=processes)
    if not args.eval_only and not dry_run:  # last, as it may take minutes
        check_images([cfg])


def on_gpus(args: argparse.Namespace) -> bool | None:
    """Whether the config's device is a GPU; None of a config that cannot be read, as of a script with keys of its own."""
    with suppress(ValueError, OSError):
        return load_config(args.config_file, args.opts).MODEL.DEVICE != "cpu"
    return None


def setup(args: argparse.Namespace):
    """The config of fast-reid's command line, with its output folder and log made.

    Standard output gets a few lines, unless args.verbose is True; log.txt gets all.

    This process holds the folder from here on, until its training or the process ends. Raises InputError: another run does.
    """
    cfg = load_config(args.config_file, args.opts)
    cfg = changed(cfg, ["OUTPUT_DIR", _output_folder(cfg, args)])
    take(cfg.OUTPUT_DIR)
    if not args.eval_only:  # then process 0 alone reads and writes there
        check_seen_by_all(cfg.OUTPUT_DIR)
    if args.resume:
        cfg = _as_begun(cfg, args)
    if _begins_anew(args) and cfg.OUTPUT_DIR and comm.is_main_process():
        set_aside(cfg.OUTPUT_DIR)
    if not args.eval_only and cfg.OUTPUT_DIR:
        begin(cfg.OUTPUT_DIR)
    comm.synchronize()  # every process has read the run's config.yaml before the first one writes it again
    if not getattr(args, "verbose", False):
        setup_logger(cfg.OUTPUT_DIR, distributed_rank=comm.get_rank())  # as default_setup, which then finds it made
        show_few_lines()
    default_setup(cfg, with_config_path(args))
    if args.eval_only:  # a training does both when it begins
        say_test(cfg)
        write_run_metadata(cfg, training=False)
    return cfg


def _begins_anew(args: argparse.Namespace) -> bool:
    return not args.resume and not args.eval_only


def _output_folder(cfg, args: argparse.Namespace) -> str:
    return evaluation_folder(cfg.OUTPUT_DIR) if args.eval_only else cfg.OUTPUT_DIR


def _as_begun(cfg, args: argparse.Namespace):
    """With the seed that the run in OUTPUT_DIR has drawn, and the precision in which it began, where the command says none."""
    of_run = comm.all_gather(_config_of_run(cfg.OUTPUT_DIR))[0]
    if kept := pairs_of_run(cfg, of_run, args.opts):
        cfg = load_config(args.config_file, [*args.opts, *kept, "OUTPUT_DIR", cfg.OUTPUT_DIR])
    seed = of_run.get("SEED")
    drawn = type(seed) is int and seed >= 0
    return changed(cfg, ["SEED", seed]) if cfg.SEED < 0 and drawn else cfg


def _config_of_run(folder: str) -> Mapping:
    """config.yaml of the run in this folder, before it is written again; {} where there is none, or a damaged one."""
    try:
        return read_config(os.path.join(folder, "config.yaml"))[-1][1]
    except InputError:  # the checkpoint will tell what the run needs
        return {}
