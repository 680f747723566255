"""Adapters and biases of a released U-Net, CompVis' names to those of our checkpoints."""

import math
import re
from collections.abc import Iterable

from dcac_fastreid.checkpoint.released_formats import UNET
from dcac_fastreid.errors import InputError

DOWNSAMPLER = re.compile(r"denoiser\.model\.input_blocks\.(\d+)\.0\.op\.")
# In the place of the end of a name: of a loralib layer, and of the peft layer that `adaptation.adapt` puts there.
ENDS = {"lora_A": "lora_A.default.weight", "lora_B": "lora_B.default.weight", "bias": "base_layer.bias"}


def blocks_of_a_level(names: Iterable[str]) -> float:
    """How many of CompVis' input or output blocks make a block of diffusers, by all names of a released checkpoint.

    A level of input blocks ends with its downsampler; a U-Net of one level has none.
    """
    found = [int(match[1]) for name in names if (match := DOWNSAMPLER.match(name))]
    return min(found, default=math.inf)


def our_name(name: str, level: float) -> str:
    """Of an adapter or a bias of an attention block, `input_blocks.1.1.transformer_blocks.0.attn1.to_q.lora_A` for instance.

    Args:
        name: behind `denoiser.model.`. level: see `blocks_of_a_level`.
    Raises: InputError: it lies elsewhere than in an attention block.
    """
    match = re.match(r"(?:(input|output)_blocks\.(\d+)|middle_block)\.1\.(transformer_blocks\..+)\.(\w+)$", name)
    if not match or match[4] not in ENDS:
        raise InputError(
            f"the released U-Net has {name}, which has no place in Stable Diffusion's attention blocks; convert without "
            "--training-side"
        )
    side, number, layer, end = match.groups()
    if side is None:
        block = "mid_block.attentions.0"
    else:
        index = int(number) - (side == "input")  # the first input block is a convolution
        block = f"{'down' if side == 'input' else 'up'}_blocks.{int(index // level)}.attentions.{int(index % level)}"
    return f"{UNET}{block}.{layer}.{ENDS[end]}"
