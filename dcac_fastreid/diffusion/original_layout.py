"""Stable Diffusion's weights in one file, as CompVis trained and released them (v1-5-pruned.ckpt or .safetensors)."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dcac_fastreid.diffusion.diffusers_layout import read_config, warn_of_average
from dcac_fastreid.diffusion.fit import check_fit
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_weights, read_tensor_file

# diffusers' part -> prefix of its weights. The file's text encoder, `cond_stage_model.*`, is not used.
PREFIXES = {"unet": "model.diffusion_model.", "vae": "first_stage_model."}
EMA = "model_ema."
logger = logging.getLogger("fastreid.dcac")


def load_original_part(
    model_class, convert: Callable, file: str | Path, part: str, architecture: str | Path, *, ema: bool
) -> nn.Module:
    """A part of a single file, fp32, in evaluation mode.

    Args:
        model_class: diffusers' class of the part.
        convert: diffusers' conversion: (weights by their names in the file, the part's configuration) to weights by
            diffusers' names. It drops in silence what it does not know; here that is an error.
        architecture: folder in diffusers' layout with the part's configuration.
    Raises:
        InputError: as `read_part`, or weights of another architecture.
    """
    source = read_part(file, part, ema=ema)
    logger.info(f"Stable Diffusion's {part} from {EMA if ema else PREFIXES[part]}* in {file}")
    config = read_config(architecture, part)
    try:
        weights = {name: weight for name, weight in convert(dict(source), config).items() if weight is not None}
    except (KeyError, IndexError, ValueError) as error:  # of diffusers' conversion, where names lack that it counts on
        raise InputError(
            f"the {part} in {file} is not of the architecture of Stable Diffusion 1.5 ({type(error).__name__}: {error}); take "
            "v1-5-pruned.safetensors"
        ) from error
    with torch.device("meta"):
        model = model_class.from_config(config)
    expected = model.state_dict()
    taken = {weight.data_ptr() for weight in weights.values()}  # the conversion makes views at most
    common = sorted(expected.keys() & weights.keys())
    check_fit(
        {
            "missing keys (diffusers' names)": sorted(expected.keys() - weights.keys()),
            "unexpected keys": [name for name in source if source[name].data_ptr() not in taken]
            + sorted(weights.keys() - expected.keys()),
            "mismatched keys": [
                f"{name} is {tuple(weights[name].shape)} where the model has {tuple(expected[name].shape)}"
                for name in common
                if weights[name].shape != expected[name].shape
            ],
        },
        f"the {part} in {file} is not of the architecture of Stable Diffusion 1.5",
        "take v1-5-pruned.safetensors, or another model as a folder in diffusers' layout",
    )
    check_weights(weights, expected, file)
    # Copied: the file may be changed or removed while its memory map is in use.
    model.load_state_dict({name: weight.to(torch.float32, copy=True) for name, weight in weights.items()}, assign=True)
    return model.eval()


def read_part(path: str | Path, part: str, *, ema: bool) -> dict[str, Tensor]:
    """The weights of "unet" or "vae", under their names in the file.

    Args:
        ema: of the U-Net, the exponential moving average of its training's weights, under the names of the weights.
    Raises:
        InputError: not readable (see `read_tensor_file`), or the file has no such weights.
    """
    prefix = PREFIXES[part]
    weights = read_tensor_file(path, only=(prefix, EMA) if part == "unet" else (prefix,))
    if isinstance(weights.get("state_dict"), Mapping):  # a training's checkpoint
        weights = weights["state_dict"]
    found = {name: weight for name, weight in weights.items() if str(name).startswith(prefix)}
    strange = [name for name, weight in found.items() if not isinstance(weight, Tensor)]
    if not found or strange:
        what = f"{strange[0]} is no tensor" if strange else f"holds no weights named {prefix}*"
        raise InputError(
            f"{path}: {what}; expected Stable Diffusion 1.5 in the original layout, such as v1-5-pruned.safetensors"
        )
    if part == "unet" and not ema and not any(str(name).startswith(EMA) for name in weights):
        warn_of_average(f"{path} has one set of weights, no {EMA}*", f"{PREFIXES[part]}* is read, in an emaonly file")
    return _averaged(path, weights, found) if ema and part == "unet" else found


def _averaged(path: str | Path, weights, names) -> dict[str, Tensor]:
    """model_ema.* has each weight's name without "model." and without any dot."""
    averages = {name: EMA + name.removeprefix("model.").replace(".", "") for name in names}
    absent = [average for average in averages.values() if average not in weights]
    if absent:
        raise InputError(
            f"MODEL.DCAC.DIFFUSION.EMA is True, but {path} lacks {len(absent)} of the {len(averages)} averaged weights "
            f"({absent[0]}, ...); set it to False (an emaonly file has them as its ordinary weights), or take v1-5-pruned"
        )
    return {name: weights[average] for name, average in averages.items()}
