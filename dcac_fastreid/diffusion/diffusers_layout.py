"""Stable Diffusion's weights in a folder of diffusers' layout: unet/, vae/, scheduler/."""

import functools
import json
import logging
import os
from pathlib import Path

import torch
from torch import nn

from dcac_fastreid.diffusion.fit import check_fit
from dcac_fastreid.diffusion.weight_files import STEM, WeightFiles, choose_files
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_weights, read_tensor_file

LARGEST_JSON = 1_000_000  # bytes
logger = logging.getLogger("fastreid.dcac")


def read_config(folder: str | Path, part: str) -> dict:
    """The configuration file of a part: "unet", "vae" or "scheduler".

    Raises:
        FileNotFoundError: there is none. InputError: it is no JSON.
    """
    path = Path(folder) / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; MODEL.DCAC.DIFFUSION.WEIGHTS must name a Stable Diffusion folder with unet/, vae/ and "
            "scheduler/, a file in the original layout, or a model on the Hugging Face hub"
        )
    return _json(path)


def _json(path: Path) -> dict:
    if path.stat().st_size > LARGEST_JSON:
        raise InputError(
            f"{path} has {path.stat().st_size / 1e6:.1f} MB; at most {LARGEST_JSON / 1e6:.0f} are expected"
        )
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}); download it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no configuration, it holds a {type(content).__name__}; download it again")
    return content


@functools.cache  # once a process for each model
def warn_of_average(lacking: str, taken: str) -> None:
    """Says that MODEL.DCAC.DIFFUSION.EMA False finds one set of the U-Net's weights alone, which may be the average.

    Args: lacking: what is not there. taken: what is read in its place, and where it is the average.
    """
    logger.warning(
        f"MODEL.DCAC.DIFFUSION.EMA is False, but {lacking}: {taken} the moving average of the training's weights, and not "
        "the plain ones with which the paper's authors trained"
    )


def _ships_with_us(folder: Path) -> bool:
    """Whether it is the package's own small model, of which there is no average."""
    return Path(__file__).parents[1] in Path(os.path.realpath(folder)).parents


def load_part(model_class, folder: Path, part: str, *, ema: bool) -> nn.Module:
    """A part, fp32, from the files that `choose_files` chooses.

    Args:
        model_class: diffusers' class of the part.
    Raises:
        FileNotFoundError: no configuration file. InputError: no weights, not readable ones, or those of another architecture.
    """
    read_config(folder, part)  # asked first: from_pretrained looks for a missing folder in the network
    files = choose_files([path.name for path in (folder / part).iterdir()], ema=ema)
    if files is None:
        raise InputError(
            f"{folder / part} holds no {STEM}{' with averaged weights' if ema else ''} as .safetensors or .bin "
            f"(MODEL.DCAC.DIFFUSION.EMA is {ema}); download the folder again"
        )
    paths = [folder / part / name for name in files.names]
    logger.info(f"Stable Diffusion's {part} from {', '.join(map(str, paths))}")
    # Read first: diffusers, which reads them again, would be more trusting.
    found = {path: read_tensor_file(path) for path in paths}
    check_shards(folder / part, files)
    if part == "unet" and not ema and files.variant != "non_ema" and not _ships_with_us(folder):
        warn_of_average(f"{folder / part} has no non_ema weights", f"{files.names[0]} is read, in Stable Diffusion 1.5")
    try:
        model, info = model_class.from_pretrained(
            folder,
            subfolder=part,
            local_files_only=True,
            variant=files.variant,
            use_safetensors=files.suffix == ".safetensors",
            torch_dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # it lists them
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{folder / part} cannot be loaded ({str(error).strip().splitlines()[0]}); download it again"
        ) from error
    # Without this check, weights that the file lacks stay uninitialised, with a log line only.
    check_fit(
        {kind.replace("_", " "): list(map(str, info[kind])) for kind in info if kind.endswith("_keys")},
        f"the weights in {folder / part} do not fit its config.json",
        "download the folder again",
    )
    expected = model.state_dict()
    for path, weights in found.items():
        check_weights(weights, expected, path)
    return model


def check_shards(folder: Path, files: WeightFiles) -> None:
    """Raises InputError where the index of a sharded part names other files than those that were chosen, and read."""
    for index in folder.glob(f"*{files.suffix}.index*.json"):
        named = _json(index).get("weight_map")
        if not isinstance(named, dict) or not {str(name) for name in named.values()} <= {
            path.name for path in folder.iterdir()
        }:
            raise InputError(f"{index} names files that do not lie beside it, or none; download the folder again")
