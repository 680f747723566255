"""From a yaml file and KEY VALUE pairs to the config of a run on this machine."""

import os
from collections.abc import Mapping, Sequence

import torch

from dcac_fastreid.arguments import as_path
from dcac_fastreid.config import (
    BASE,
    COMMAND_LINE,
    add_dcac_config,
    leaves,
    pairs,
    read_config,
    read_config_text,
    set_values,
    shown,
)
from dcac_fastreid.engine.speed import UNSAID, choose_speed, leave_unsaid
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import pixel_statistics
from dcac_fastreid.shipped import config_path
from fastreid.config import CfgNode, get_cfg
from fastreid.utils import comm


def load_config(config_file: str | os.PathLike, opts: Sequence = (), *, processes: int | None = None) -> CfgNode:
    """fast-reid's defaults, DCAC's keys, a yaml file ("" for none) and KEY VALUE pairs, in this order; frozen.

    The file by its path, or a shipped one by its name, such as DCAC/ma_ms.yml.

    MODEL.DEVICE, where neither file nor pairs say it, is "cuda"; without a GPU it is "cpu", and SOLVER.AMP.ENABLED is off
    where the pairs do not say it, as it is with AMP.DTYPE fp16 where MODEL.DEVICE says cpu. SOLVER.AMP.ENABLED, AMP.DTYPE and
    CUDA_GRAPH, where nobody says them, are what SOLVER.SPEED stands for on that device. MODEL.PIXEL_MEAN and PIXEL_STD, where
    neither says them or one says [], are those of the CLIP model's own training images; of fast-reid's backbones, fast-reid's
    defaults.

    Args: processes: that a training will have; None: those that have joined by now.
    Raises:
        InputError: a file that cannot be read, a key that does not exist, a value of another type or outside of its key's
            range or choices, CUDA asked for and absent.
    """
    if not isinstance(config_file, str) or config_file:
        config_file = config_path(as_path(config_file, "the config file"))
    return _of_contents(read_config(config_file), opts, processes)


def load_config_text(text: str, source: str, opts: Sequence = ()) -> CfgNode:
    """As load_config, of a config's text, such as a checkpoint carries; `source` is what messages call it.

    Raises: InputError: as load_config, and where the text builds on a file: whoever wrote it would say what is opened here.
    """
    content = read_config_text(text, source)
    if BASE in content:
        raise InputError(f"{source} builds on another file ({BASE}); name a config file of your own")
    return _of_contents([(source, content)], opts)


def _of_contents(contents: Sequence[tuple[str, Mapping]], opts: Sequence, processes: int | None = None) -> CfgNode:
    cfg = get_cfg()
    add_dcac_config(cfg)
    cfg.MODEL.DEVICE = UNSAID
    leave_unsaid(cfg)
    defaults = cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD
    cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = [], []
    for source, content in contents:
        set_values(cfg, leaves(content), source)
    set_values(cfg, pairs(opts), COMMAND_LINE)
    choose_device(cfg, precision_asked="SOLVER.AMP.ENABLED" in opts[::2])
    choose_speed(cfg, processes or comm.get_world_size())
    choose_pixels(cfg, *defaults)
    cfg.freeze()
    return cfg


def changed(cfg: CfgNode, opts: Sequence) -> CfgNode:
    """A copy of a config with other values; frozen."""
    cfg = cfg.clone()
    cfg.defrost()
    set_values(cfg, pairs(opts), COMMAND_LINE)
    cfg.freeze()
    return cfg


def choose_device(cfg: CfgNode, precision_asked: bool) -> None:
    """Sets MODEL.DEVICE, where it is unsaid, to what this machine has, and fp32 on a CPU unless the precision was asked for.

    On a CPU that is said, only where the config has fp16, which no CPU trains in.

    Raises: InputError: no device, or one that this machine has not.
    """
    available = torch.cuda.is_available()
    said = cfg.MODEL.DEVICE != UNSAID
    if not said:
        cfg.MODEL.DEVICE = "cuda" if available else "cpu"
    if cfg.MODEL.DEVICE == "cpu" and not precision_asked and (not said or cfg.SOLVER.AMP.DTYPE == "fp16"):
        cfg.SOLVER.AMP.ENABLED = False
    try:
        device = torch.device(cfg.MODEL.DEVICE)
    except (RuntimeError, ValueError):
        device = None
    if device is None:
        raise InputError(f"MODEL.DEVICE is {shown(cfg.MODEL.DEVICE)}, which is no device; expected cuda or cpu")
    if device.type == "cuda" and not available:
        raise InputError(
            f"MODEL.DEVICE is {cfg.MODEL.DEVICE}, but PyTorch finds no GPU on this machine; set MODEL.DEVICE cpu, or "
            "leave the key out to run on what is there"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"MODEL.DEVICE is {cfg.MODEL.DEVICE}, PyTorch finds {torch.cuda.device_count()} GPUs, counted from 0"
        )


def choose_pixels(cfg: CfgNode, mean: Sequence[float], std: Sequence[float]) -> None:
    """Sets MODEL.PIXEL_MEAN and PIXEL_STD, where they are []: to the CLIP model's, else to these."""
    if cfg.MODEL.PIXEL_MEAN and cfg.MODEL.PIXEL_STD:
        return
    if cfg.MODEL.BACKBONE.NAME == "build_clip_vit_backbone":
        mean, std = pixel_statistics(cfg.MODEL.CLIP.ARCH, cfg.MODEL.BACKBONE.PRETRAIN_PATH)
    cfg.MODEL.PIXEL_MEAN = list(cfg.MODEL.PIXEL_MEAN or mean)
    cfg.MODEL.PIXEL_STD = list(cfg.MODEL.PIXEL_STD or std)
