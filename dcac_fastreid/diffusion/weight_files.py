"""Which files of a folder of Stable Diffusion are read: a matter of names alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

CONFIGS = ("unet/config.json", "vae/config.json", "scheduler/scheduler_config.json")
PARTS = ("unet", "vae")  # those with weights
SUFFIXES = (".safetensors", ".bin")  # the first is taken where both lie there
FILE_SUFFIXES = (*SUFFIXES, ".ckpt", ".pt", ".pth")  # of a single file
STEM = "diffusion_pytorch_model"


class WeightFiles(NamedTuple):
    variant: str | None  # as diffusers calls it: "non_ema", "fp16" or None
    suffix: str
    names: list[str]  # several, where the weights are sharded


def missing_parts(folder: Path) -> list[str]:
    """What a folder in diffusers' layout lacks; empty where it can be loaded."""
    missing = [name for name in CONFIGS if not (folder / name).is_file()]
    for part in PARTS:
        if not any(path.suffix in SUFFIXES and path.is_file() for path in folder.glob(f"{part}/{STEM}*")):
            missing.append(f"{part}/*.safetensors")
    return missing


def choose_files(names: Iterable[str], *, ema: bool) -> WeightFiles | None:
    """The files of one part to read, of all the forms that lie beside each other; None where there is none.

    Args:
        names: of the files in the part's folder.
        ema: else `non_ema` files come first, where there are any. Of stable-diffusion-v1-5 the ordinary ones are the EMA's.
    """
    by_form: dict[tuple[str | None, str], list[str]] = {}
    for name in sorted(names):
        stem, suffix = Path(name).stem, Path(name).suffix
        if suffix in SUFFIXES and stem.startswith(STEM):
            variant = stem.removeprefix(STEM).partition(".")[2].partition("-")[0] or None
            by_form.setdefault((variant, suffix), []).append(name)
    for variant in (*(() if ema else ("non_ema",)), None, "fp16"):
        for suffix in SUFFIXES:
            if (variant, suffix) in by_form:
                return WeightFiles(variant, suffix, by_form[variant, suffix])
    return None
