"""CLIP, Stable Diffusion and checkpoints that are missing, damaged or of another architecture."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dcac_fastreid

from .case import DCAC, Case, write

EVAL = "--eval-only MODEL.WEIGHTS {tmp}/other.pth"
CLIP = "MODEL.BACKBONE.PRETRAIN_PATH {tmp}/weights.pth"
SD = "MODEL.DCAC.DIFFUSION.WEIGHTS {tmp}/sd"


def clip(change: Callable[[dict], dict]):
    """weights.pth: the small CLIP, changed."""

    def arrange(tmp, data_root):
        from safetensors.torch import load_file

        torch.save(change(load_file(dcac_fastreid.data.weights_path("synthetic:clip"))), tmp / "weights.pth")

    return arrange


def stable_diffusion(change: Callable[[Path], None]):
    """sd/: the small Stable Diffusion, changed."""

    def arrange(tmp, data_root):
        shutil.copytree(dcac_fastreid.data.weights_path("synthetic:stable-diffusion"), tmp / "sd")
        change(tmp / "sd")

    return arrange


def cut_unet(folder: Path) -> None:
    file = next((folder / "unet").glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:5000])


def thin_unet(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = next((folder / "unet").glob("*.safetensors"))
    weights = load_file(file)
    weights.pop("conv_in.weight")
    save_file(weights, file, metadata={"format": "pt"})


def checkpoint(content):
    return lambda tmp, data_root: torch.save(content, tmp / "other.pth")


def cut_checkpoint(tmp, data_root):
    torch.save({"model": {"weight": torch.zeros(1000)}}, tmp / "other.pth")
    (tmp / "other.pth").write_bytes((tmp / "other.pth").read_bytes()[:500])


CASES = [
    Case("CLIP missing", "CLIP ViT-B/16: no file {tmp}/weights.pth", CLIP),
    Case(
        "CLIP truncated",
        "weights.pth cannot be read as weights",
        CLIP,
        arrange=write("weights.pth", "PK"),
        starts=True,
    ),
    Case(
        "CLIP of another architecture",
        "weights.pth is not of the architecture MODEL.CLIP.ARCH",
        CLIP,
        arrange=clip(lambda weights: dict(list(weights.items())[:-2])),
        starts=True,
    ),
    Case(
        "no CLIP",
        "holds no weight named visual",
        CLIP,
        arrange=clip(lambda weights: {"a": torch.zeros(1)}),
        starts=True,
    ),
    Case("Stable Diffusion missing", "no folder {tmp}/sd", SD, config=DCAC),
    Case(
        "Stable Diffusion half-copied",
        "vae/.*.safetensors in {tmp}/sd",
        SD,
        arrange=stable_diffusion(lambda sd: shutil.rmtree(sd / "vae")),
        config=DCAC,
    ),
    Case("Stable Diffusion truncated", "sd/unet", SD, arrange=stable_diffusion(cut_unet), config=DCAC, starts=True),
    Case(
        "Stable Diffusion without a layer",
        "do not fit its config.json: missing keys: conv_in.weight",
        SD,
        arrange=stable_diffusion(thin_unet),
        config=DCAC,
        starts=True,
    ),
    Case("checkpoint missing", "no file {tmp}/other.pth", EVAL),
    Case("checkpoint truncated", "other.pth cannot be read as weights", EVAL, arrange=cut_checkpoint, starts=True),
    Case("no checkpoint", "no entry 'model'", EVAL, arrange=checkpoint({"weight": torch.zeros(1)}), starts=True),
    Case(
        "checkpoint of another architecture",
        "is it of this architecture",
        EVAL,
        arrange=checkpoint({"model": {"a": torch.zeros(1)}}),
        starts=True,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, stops):
    stops(case)
