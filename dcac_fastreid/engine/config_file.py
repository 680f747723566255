"""From a yaml file and KEY VALUE pairs to the config of a run on this machine."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
import yaml

from dcac_fastreid.config import add_dcac_config
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import pixel_statistics
from fastreid.config import CfgNode, get_cfg

UNSAID = "unsaid"


def load_config(config_file: str, opts: Sequence = ()) -> CfgNode:
    """fast-reid's defaults, DCAC's keys, a yaml file ("" for none) and KEY VALUE pairs, in this order; frozen.

    MODEL.DEVICE, where neither file nor pairs say it, is "cuda"; without a GPU it is "cpu", and SOLVER.AMP.ENABLED is off
    where the pairs do not say it. MODEL.PIXEL_MEAN and PIXEL_STD, where neither says them or one says [], are those of the
    CLIP model's own training pictures; of fast-reid's backbones, fast-reid's defaults.

    Raises:
        InputError: a file that cannot be read, a key that does not exist, a value of another type, CUDA asked for and absent.
    """
    cfg = get_cfg()
    add_dcac_config(cfg)
    cfg.MODEL.DEVICE = UNSAID
    defaults = cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD
    cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD = [], []
    if config_file:
        _check_keys(_flat(_read(config_file)), cfg, config_file)
        _merge(lambda: cfg.merge_from_file(config_file), config_file)
    opts = list(opts)
    check_pairs(opts)
    _check_keys(opts[::2], cfg, "the command line")
    _merge(lambda: cfg.merge_from_list(opts), "the command line")
    choose_device(cfg, precision_asked="SOLVER.AMP.ENABLED" in opts[::2])
    choose_pixels(cfg, *defaults)
    cfg.freeze()
    return cfg


def check_pairs(opts: Sequence) -> None:
    """Raises InputError: a key without a value."""
    if len(opts) % 2:
        raise InputError(
            f"settings after the options come in pairs, KEY VALUE; got {len(opts)} words: {' '.join(map(str, opts))}"
        )


def changed(cfg: CfgNode, opts: Sequence) -> CfgNode:
    """A copy of a config with other values; frozen."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.merge_from_list(list(opts))
    cfg.freeze()
    return cfg


def choose_device(cfg: CfgNode, precision_asked: bool) -> None:
    """Sets MODEL.DEVICE, where it is unsaid, to what this machine has, and fp32 on a CPU unless the precision was asked for.

    Raises: InputError: no device, or one that this machine has not.
    """
    available = torch.cuda.is_available()
    if cfg.MODEL.DEVICE == UNSAID:
        cfg.MODEL.DEVICE = "cuda" if available else "cpu"
        cfg.SOLVER.AMP.ENABLED = cfg.SOLVER.AMP.ENABLED and (available or precision_asked)
    try:
        device = torch.device(cfg.MODEL.DEVICE)
    except RuntimeError as error:
        raise InputError(f"MODEL.DEVICE is {cfg.MODEL.DEVICE!r}, which is no device; expected cuda or cpu") from error
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


def _read(config_file: str) -> Mapping:
    """The yaml file with its _BASE_ files merged in."""
    if not Path(config_file).is_file():
        raise InputError(f"there is no config file {config_file}; the shipped ones are in configs/DCAC")
    try:
        content = CfgNode.load_yaml_with_base(config_file)
    except FileNotFoundError as error:
        raise InputError(f"{config_file} builds on {error.filename} (_BASE_), which is no file") from error
    except yaml.YAMLError as error:
        raise InputError(f"{config_file} is no yaml: {' '.join(str(error).split())}") from error
    except (TypeError, UnicodeDecodeError):  # an empty file, or no text at all
        content = None
    if not isinstance(content, Mapping):
        raise InputError(f"{config_file} is no config: it must hold keys and values, as configs/DCAC/base.yml")
    return content


def _flat(tree: Mapping, prefix: str = "") -> Iterator[str]:
    """The full names of a tree's keys, as on the command line."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _check_keys(keys, cfg: CfgNode, where: str) -> None:
    known = list(_flat(cfg))
    for key in keys:
        if key in known:
            continue
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
        inside = [name for name in known if name.startswith(f"{key}.")]
        if inside:
            raise InputError(f"config key {key!r} ({where}) is a section; give one of its keys, such as {inside[0]}")
        raise InputError(f"there is no config key {key!r} ({where}); the nearest one is {near}")


def _merge(merge, where: str) -> None:
    try:
        merge()
    except (ValueError, AssertionError, SyntaxError, AttributeError) as error:  # yacs
        raise InputError(f"a value does not fit its config key ({where}): {error}") from error
