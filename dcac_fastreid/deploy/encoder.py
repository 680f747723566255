"""The encoder of a checkpoint, ready for use: from the file alone. B pictures, D feature width, (H, W) input size."""

import functools
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from dcac_fastreid.checkpoint import carried_config, config_beside, encoder_config, load_for_testing, selected_on
from dcac_fastreid.data import file_hashes
from dcac_fastreid.engine.config_file import changed, load_config, load_config_text
from dcac_fastreid.errors import InputError
from fastreid.data.transforms import build_transforms

NO_TEACHERS = "Baseline"  # in the place of fast-reid's Distiller: the same encoder


@dataclass(frozen=True, eq=False)
class Encoder:
    """An encoder with its BNNeck, as fast-reid tests it.

    model: in evaluation mode; {"images": (B, 3, H, W) in [0, 255], RGB} to features (B, D), not of unit length.
    cfg: that built it, frozen; MODEL.DEVICE is where the model lies.
    file: the checkpoint. config_file: its config's, None where the checkpoint carries it.
    transform: fast-reid's test transform, an RGB picture of any size to (3, H, W), float in [0, 255].
    """

    model: nn.Module
    cfg: object
    file: Path
    config_file: Path | None
    transform: Callable[[Image.Image], Tensor]
    input_size: tuple[int, int]
    feature_width: int

    @property
    def device(self) -> torch.device:
        return torch.device(self.cfg.MODEL.DEVICE)

    @functools.cached_property
    def sha256(self) -> str:
        """Of the checkpoint file."""
        return file_hashes([self.file], keep=False)[str(self.file)]

    @functools.cached_property
    def selected_on(self) -> list[str]:
        """The data sets whose test metric picked the checkpoint; [] where none did."""
        return selected_on(str(self.file))

    def identity(self) -> dict:
        """What features are comparable with: JSON-able, equal for two encoders that give the same features."""
        config = encoder_config(self.cfg)
        return {
            "checkpoint": self.file.name,
            "sha256": self.sha256,
            "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
            "input_size": list(self.input_size),
            "feature_width": self.feature_width,
        }


def same_encoder(identity: dict, other: dict) -> bool:
    """Of two `Encoder.identity`: whether their features are comparable; a file may be renamed."""
    return {**identity, "checkpoint": ""} == {**other, "checkpoint": ""}


def load_encoder(
    checkpoint: str | Path, device: str | torch.device | None = None, config_file: str | Path | None = None
) -> Encoder:
    """The encoder of a checkpoint; no training data, no pre-trained weights and no diffusion model are read.

    Args:
        checkpoint: a run's model_final.pth, fast-reid's own or an exported encoder.safetensors.
        device: None for the GPU where there is one, else the CPU.
        config_file: None for the config that the checkpoint carries, else the one beside it (config.yaml, of an exported
            encoder encoder.yml).
    Raises: InputError: no such file, no checkpoint, no config, one of another architecture, or a device that is not there.
    """
    if not isinstance(checkpoint, str | os.PathLike):
        raise InputError(f"the checkpoint is {checkpoint!r:.60}; expected the path of a file, such as model_final.pth")
    file, device = Path(checkpoint), _checked(device)
    cfg, used, source = _config(file, config_file, ["MODEL.DEVICE", device, "MODEL.WEIGHTS", str(file)])
    try:
        model = load_for_testing(cfg)
    except KeyError as error:  # of fast-reid's registries
        raise InputError(f"{source} asks for a part that is not registered: {error.args[0]}") from error
    except InputError as error:
        raise InputError(f"{file} does not fit {source}: {error}") from error
    transform = build_transforms(cfg, is_train=False)
    size = _input_size(transform, source)
    return Encoder(model, cfg, file, used, transform, size, _feature_width(model, size, device, source))


def _checked(device: str | torch.device | None) -> str:
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        asked = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"the device is {device!r}, which is no device; expected cuda or cpu") from error
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked.type == "cuda" and (asked.index or 0) >= gpus:
        raise InputError(
            f"the device is {device}, but PyTorch finds {gpus or 'no'} GPUs on this machine; take cpu, or name no device"
        )
    return str(asked)


def _config(file: Path, config_file: str | Path | None, opts: list):
    """The config; its file, None where the checkpoint carries it; and how a sentence calls it."""
    carried = carried_config(file)
    # The class count that a test does not have: so an exported encoder, which has no classifier, fits as well.
    opts = [*opts, "MODEL.HEADS.NUM_CLASSES", 0, "MODEL.BACKBONE.PRETRAIN", False]
    if config_file is None and carried is not None:
        named, source = None, f"the config in {file}"
        cfg = load_config_text(carried, source, opts)
    else:
        named = config_file or config_beside(file)
        if named is None:
            raise InputError(
                f"{file} does not tell its architecture, and no config lies beside it; name the config that it was trained "
                "with (config_file, in the tools --config-file)"
            )
        named, source = Path(named), f"the config {named}"
        cfg = load_config(str(named), opts)
    if cfg.MODEL.META_ARCHITECTURE == "Distiller":  # it would read its teachers' files, which only training needs
        cfg = changed(cfg, ["MODEL.META_ARCHITECTURE", NO_TEACHERS])
    return cfg, named, source


def _input_size(transform: Callable, source: str) -> tuple[int, int]:
    wide, high = (tuple(transform(Image.new("RGB", size)).shape[1:]) for size in ((80, 60), (60, 90)))
    if wide != high:
        raise InputError(
            f"{source} brings pictures to no common size (INPUT.SIZE_TEST, INPUT.CROP); expected a height and a width"
        )
    return wide


@torch.no_grad()
def _feature_width(model: nn.Module, size: tuple[int, int], device: str, source: str) -> int:
    features = model({"images": torch.zeros(1, 3, *size, device=device)})
    if not isinstance(features, Tensor) or features.ndim != 2 or not features.shape[1]:
        raise InputError(f"{source} builds a model that gives no features; expected one row of numbers for a picture")
    return features.shape[1]
