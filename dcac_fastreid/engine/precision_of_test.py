"""TEST.PRECISION: in which precision does a test compute its features?"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dcac_fastreid.precision import tf32


@contextmanager
def in_test_precision(cfg, model: nn.Module) -> Iterator[None]:
    """Inside, the model's features (fp32 numbers) are computed as TEST.PRECISION says; what is made of them, as ever.

    The model's weights stay as they are meanwhile: in bf16 they are cast once.
    """
    precision, forward, before = cfg.TEST.PRECISION, model.forward, model.__dict__.get("forward")
    device = torch.device(cfg.MODEL.DEVICE).type

    def features(*inputs, **named):
        # Not around the whole test: under autocast distances would be computed in bf16, too.
        with tf32(precision == "tf32"), torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16"):
            output = forward(*inputs, **named)
        return output.float() if isinstance(output, Tensor) else output

    model.forward = features
    try:
        with torch.autocast(
            device, enabled=False
        ):  # around them all: the inner ones end without forgetting what they cast
            yield
    finally:
        del model.forward
        if before is not None:
            model.forward = before
