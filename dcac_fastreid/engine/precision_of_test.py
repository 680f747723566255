"""TEST.PRECISION: in which precision does a test compute its features?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from dcac_fastreid.precision import tf32


@contextmanager
def in_test_precision(cfg, model: nn.Module) -> Iterator[None]:
    """Inside, the model's features (fp32 numbers) are computed as TEST.PRECISION says; what is made of them, as ever."""
    precision, forward = cfg.TEST.PRECISION, model.forward
    device = torch.device(cfg.MODEL.DEVICE).type

    def features(*inputs):
        # Not around the whole test: under autocast distances would be computed in bf16, too.
        with tf32(precision == "tf32"), torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
            return forward(*inputs).float()

    model.forward = features
    try:
        yield
    finally:
        del model.forward
