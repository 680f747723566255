"""The encoder of a checkpoint, ready for use: from the file alone. B images, D feature width, (H, W) input size."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from dcac_fastreid.arguments import as_device, as_path
from dcac_fastreid.checkpoint import carried_config, config_beside, encoder_config, load_for_testing, selected_on
from dcac_fastreid.data import file_sha256, test_transforms
from dcac_fastreid.deploy.encoder_files import find_encoder
from dcac_fastreid.deploy.schema import Must, Sha256
from dcac_fastreid.engine.config_file import changed, load_config, load_config_text
from dcac_fastreid.errors import InputError

NO_TEACHERS = "Baseline"  # in the place of fast-reid's Distiller: the same encoder
# By how much 1 - cosine of two of four images of quite different colours must differ at least: untrained encoders reach
# 0.002 and more; below this, similarities of all photos are the same number to three decimals.
LEAST_DIFFERENCE = 1e-4
DIVERGED = "its training has diverged, or the file is damaged: take an earlier checkpoint"


class Identity(TypedDict):
    """What features are comparable with: equal for two encoders that give the same features."""

    checkpoint: str  # the file's name, which may change
    sha256: Sha256
    config_sha256: Sha256
    input_size: Annotated[
        list[int], Must("a height and a width", lambda size: len(size) == 2 and 0 < min(size) <= max(size) < 2**31)
    ]
    feature_width: Annotated[int, Must("a whole number from 1 to 2^31", lambda width: 0 < width < 2**31)]


@dataclass(frozen=True, eq=False)
class Encoder:
    """An encoder with its BNNeck, as fast-reid tests it.

    model: in evaluation mode; {"images": (B, 3, H, W) in [0, 255], RGB} to features (B, D), not of unit length.
    cfg: that built it, frozen; MODEL.DEVICE is where the model lies.
    file: the checkpoint. config_file: its config's, None where the checkpoint carries it.
    transform: fast-reid's test transform, an RGB image of any size to (3, H, W), float in [0, 255].
    told_sha256: of the checkpoint, where it is known already; "": computed when it is first asked for.
    """

    model: nn.Module
    cfg: object
    file: Path
    config_file: Path | None
    transform: Callable[[Image.Image], Tensor]
    input_size: tuple[int, int]
    feature_width: int
    told_sha256: str = ""

    @property
    def device(self) -> torch.device:
        return torch.device(self.cfg.MODEL.DEVICE)

    @functools.cached_property
    def sha256(self) -> str:
        """Of the checkpoint file."""
        return self.told_sha256 or file_sha256(self.file)

    @functools.cached_property
    def selected_on(self) -> list[str]:
        """The data sets whose test metric picked the checkpoint; [] where none did."""
        return selected_on(str(self.file))

    def identity(self) -> Identity:
        config = encoder_config(self.cfg)
        return {
            "checkpoint": self.file.name,
            "sha256": self.sha256,
            "config_sha256": hashlib.sha256(config.encode()).hexdigest(),
            "input_size": list(self.input_size),
            "feature_width": self.feature_width,
        }


def same_encoder(identity: Identity, other: Identity) -> bool:
    """Of two `Encoder.identity`: whether their features are comparable; a file may be renamed."""
    return {**identity, "checkpoint": ""} == {**other, "checkpoint": ""}


def open_encoder(
    checkpoint: str | Path, device: str | torch.device | None = None, config_file: str | Path | None = None
) -> Encoder:
    """The encoder of a checkpoint; no training data, no pre-trained weights and no diffusion model are read.

    Args:
        checkpoint: a file: a run's model_final.pth, one of fast-reid's own, or an exported encoder.safetensors; a folder that
            holds one; OWNER/NAME or OWNER/NAME@REVISION of a model on the Hugging Face hub; or "synthetic", the small encoder that
            comes with the package. See find_encoder.
        device: None for the GPU where there is one, else the CPU.
        config_file: None for the config that the checkpoint carries, else the one beside it (config.yaml, of an exported
            encoder encoder.yml).
    Raises: InputError: no such file, no checkpoint, no config, one of another architecture, or a device that is not there.
    """
    device = as_device(device, "the device")
    file, sha256 = find_encoder(checkpoint)
    config_file = None if config_file is None else as_path(config_file, "the config file")
    cfg, used, source = _config(file, config_file, ["MODEL.DEVICE", device, "MODEL.WEIGHTS", str(file)])
    try:
        model = load_for_testing(cfg)
    except InputError as error:
        raise InputError(f"{file} does not fit {source}: {error}") from error
    transform = test_transforms(cfg)
    size = _input_size(transform, source)
    width = _feature_width(model, size, device, file, source)
    return Encoder(model, cfg, file, used, transform, size, width, told_sha256=sha256)


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
        if config_file is None and file.suffix == ".safetensors":  # perhaps of a stranger: it may name no other file
            cfg = load_config_text(named.read_text(encoding="utf-8", errors="replace"), source, opts)
        else:
            cfg = load_config(str(named), opts)
    if cfg.MODEL.META_ARCHITECTURE == "Distiller":  # it would read its teachers' files, which only training needs
        cfg = changed(cfg, ["MODEL.META_ARCHITECTURE", NO_TEACHERS])
    return cfg, named, source


def _input_size(transform: Callable, source: str) -> tuple[int, int]:
    wide, high = (tuple(transform(Image.new("RGB", size)).shape[1:]) for size in ((80, 60), (60, 90)))
    if wide != high:
        raise InputError(
            f"{source} brings images to no common size (INPUT.SIZE_TEST, INPUT.CROP); expected a height and a width"
        )
    return wide


@torch.no_grad()
def _feature_width(model: nn.Module, size: tuple[int, int], device: str, file: Path, source: str) -> int:
    """Looks at four images, and so finds a checkpoint of a training that has diverged before any work is done with it."""
    patches = torch.rand(4, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    features = model({"images": 255 * functional.interpolate(patches, size, mode="bilinear").to(device)})
    if not isinstance(features, Tensor) or features.ndim != 2 or not features.shape[1]:
        raise InputError(f"{source} builds a model that gives no features; expected one row of numbers for an image")
    features = unit_features(features, file)
    if (features @ features.T).min() > 1 - LEAST_DIFFERENCE:
        raise InputError(f"{file} gives every image the same features; {DIVERGED}")
    return features.shape[1]


def unit_features(features: Tensor, file: Path) -> Tensor:
    """(B, D) to rows of length 1, float32, on the CPU. Raises InputError where a checkpoint gives no such features."""
    features = features.float()
    lengths = features.norm(dim=1, keepdim=True).cpu()
    if not (lengths.isfinite() & (lengths > 0)).all():
        raise InputError(f"{file} gives features that are no finite numbers, or zero; {DIVERGED}")
    return functional.normalize(features).cpu()
