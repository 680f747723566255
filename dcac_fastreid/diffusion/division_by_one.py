"""diffusers divides every residual block's and attention's result by a factor, which in Stable Diffusion is 1: 38 times a pass."""

from torch import Tensor, nn

FACTORS = ("output_scale_factor", "rescale_output_factor")


class One:
    """Stands for the factor 1: what is divided by it stays, and no operation is made."""

    def __rtruediv__(self, divided: Tensor) -> Tensor:
        return divided

    def __eq__(self, other: object) -> bool:
        return other == 1

    __hash__ = None


def leave_out_divisions_by_one(unet: nn.Module) -> None:
    """In place, and exact. Other factors stay."""
    for module in unet.modules():
        for name in FACTORS:
            if getattr(module, name, None) == 1:
                setattr(module, name, One())


def put_divisions_back(unet: nn.Module) -> None:
    """The counterpart, for a compiler: it leaves them out itself, and would cut the U-Net at a factor that is no number."""
    for module in unet.modules():
        for name in FACTORS:
            if isinstance(getattr(module, name, None), One):
                setattr(module, name, 1.0)
