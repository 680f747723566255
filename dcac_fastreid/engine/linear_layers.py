"""Linear layers on the CPU by oneDNN, where PyTorch's own matrix products leave half of the processor unused.

PyTorch multiplies float32 matrices with Intel's MKL, which takes AVX-512 on Intel's processors alone; its convolutions are
oneDNN's, which takes it wherever it is. A linear layer is a convolution of 1 x 1 over its tokens.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

# Multiplications of a layer below which laying it out as a convolution costs what it saves.
LEAST_PRODUCT = 2**23
LEAST_TOKENS = 128  # with fewer the product waits for the weights, which oneDNN rearranges at every call
LEAST_WIDTH = 16  # oneDNN's blocks of channels: a narrower layer, as LoRA's, gains nothing

_linear = F.linear


@contextmanager
def fast_linear_layers(device: str | torch.device) -> Iterator[None]:
    """Inside, what runs on this device takes the faster way through its linear layers: same results, to rounding.

    `torch.nn.functional.linear` is exchanged, which linear and attention layers call at every step; a TorchFunctionMode
    would not see the calls inside of `torch.nn.MultiheadAttention`.
    """
    before = F.linear
    if torch.device(device).type == "cpu" and mkl_is_slow():
        F.linear = convolved_linear
    try:
        yield
    finally:
        F.linear = before


@cache
def mkl_is_slow() -> bool:
    """Whether this is a processor with AVX-512 that MKL does not use it on: AMD's."""
    if not torch.backends.mkl.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    described = Path("/proc/cpuinfo")
    return described.exists() and "AuthenticAMD" in described.read_text()


def convolved_linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., k) -> (..., n); weight (n, k). As a convolution where that is faster."""
    width, wanted = input.shape[-1], weight.shape[0]
    tokens = input.numel() // max(1, width)
    if (
        input.dtype != torch.float32
        or tokens * width * wanted < LEAST_PRODUCT
        or tokens < LEAST_TOKENS
        or min(width, wanted) < LEAST_WIDTH
        or torch.is_autocast_enabled("cpu")
    ):
        return _linear(input, weight, bias)
    # Memory in the order of an image's channels_last, which oneDNN takes as it lies.
    image = input.reshape(1, 1, tokens, width).permute(0, 3, 1, 2)
    if weight.t().is_contiguous():  # as a backward pass gives it: the transposed convolution takes it as it lies
        output = F.conv_transpose2d(image, weight.t()[:, :, None, None], bias)
    else:
        output = F.conv2d(image, weight[:, :, None, None], bias)
    return output.permute(0, 2, 3, 1).reshape(*input.shape[:-1], wanted).contiguous()
