"""From a command line to a config that can run on this machine, with one sentence where it cannot."""

import argparse
import logging
import os
import sys
from contextlib import contextmanager

import torch

from dcac_fastreid.config import add_dcac_config
from dcac_fastreid.engine.preflight import check_inputs
from fastreid.config import get_cfg
from fastreid.engine import default_setup

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def load_config(config_file: str, opts: list[str] | None = None):
    """fast-reid's defaults, DCAC's keys, a yaml file and KEY VALUE pairs, in this order; frozen.

    Raises:
        ValueError, KeyError: a key that does not exist, or a value of another type.
    """
    cfg = get_cfg()
    add_dcac_config(cfg)
    if config_file:
        cfg.merge_from_file(config_file)
    try:
        cfg.merge_from_list(opts or [])
    except AssertionError as error:  # yacs, of an unknown key and of an odd number of words
        raise ValueError(str(error)) from error
    cfg.freeze()
    return cfg


def check_command(args: argparse.Namespace) -> None:
    """Checks what fast-reid's command line asks for before any process is started and any file written.

    Raises:
        ValueError: settings that cannot work. FileNotFoundError: what the run would read is missing.
    """
    cfg = on_this_device(load_config(args.config_file, args.opts))
    check_processes(cfg, args.num_gpus * args.num_machines)
    if not args.eval_only:
        check_training_settings(cfg)
    check_inputs(cfg, training=not args.eval_only)


def setup(args: argparse.Namespace):
    """The config of fast-reid's command line for this machine, with its output folder and log made."""
    asked = load_config(args.config_file, args.opts)
    cfg = on_this_device(asked)
    if args.eval_only and cfg.OUTPUT_DIR:
        # In a folder of its own: the training's config.yaml stays.
        cfg = _changed(cfg, ["OUTPUT_DIR", os.path.join(cfg.OUTPUT_DIR, "evaluation")])
    default_setup(cfg, args)
    if cfg.MODEL.DEVICE != asked.MODEL.DEVICE:
        logging.getLogger("fastreid.dcac").warning(
            "This machine has no GPU: running on the CPU, without mixed precision"
        )
    return cfg


def check_processes(cfg, num_processes: int) -> None:
    """Raises ValueError where an architecture cannot run in several processes."""
    if num_processes > 1 and cfg.MODEL.META_ARCHITECTURE in ("DCAC", "PrototypicalBaseline"):
        raise ValueError(
            f"{cfg.MODEL.META_ARCHITECTURE} runs on one GPU for now, its prototypes are not shared between processes; "
            f"got {num_processes} processes, use --num-gpus 1"
        )


def check_training_settings(cfg) -> None:
    """Raises ValueError for settings with which a training cannot work."""
    batch, instances = cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE
    if "Identity" in cfg.DATALOADER.SAMPLER_TRAIN and (instances < 1 or batch % instances):
        # fast-reid's samplers would loop forever
        raise ValueError(
            f"a batch of SOLVER.IMS_PER_BATCH {batch} images cannot hold DATALOADER.NUM_INSTANCE {instances} of every identity"
        )
    for key, period in (
        ("SOLVER.CHECKPOINT_PERIOD", cfg.SOLVER.CHECKPOINT_PERIOD),
        ("TEST.EVAL_PERIOD", cfg.TEST.EVAL_PERIOD),
    ):
        if period < 1:
            raise ValueError(f"{key} is {period}; it must be 1 epoch or more")
    if cfg.SOLVER.AMP.DTYPE not in PRECISIONS:
        raise ValueError(f"SOLVER.AMP.DTYPE is {cfg.SOLVER.AMP.DTYPE!r}; expected {' or '.join(PRECISIONS)}")
    if cfg.SOLVER.AMP.ENABLED and cfg.SOLVER.AMP.DTYPE == "fp16" and cfg.MODEL.DEVICE == "cpu":
        raise ValueError("fp16 training needs a GPU; on the CPU set SOLVER.AMP.ENABLED False, or SOLVER.AMP.DTYPE bf16")


@contextmanager
def one_sentence_errors():
    """Wrong input found before the work starts ends the process with its message and status 2, without a traceback."""
    try:
        yield
    except (ValueError, KeyError, OSError, ImportError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error  # str() of a KeyError puts quotes around
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)


def on_this_device(cfg):
    """The config as it stands where CUDA is there or not asked for; else on the CPU and in fp32."""
    if cfg.MODEL.DEVICE == "cpu" or torch.cuda.is_available():
        return cfg
    return _changed(cfg, ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False])


def _changed(cfg, opts: list):
    cfg = cfg.clone()
    cfg.defrost()
    cfg.merge_from_list(opts)
    cfg.freeze()
    return cfg
