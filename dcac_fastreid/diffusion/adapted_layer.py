"""peft's linear layer with the forward pass of adapters.py; imported late, with peft."""

from peft.tuners.lora import Linear
from torch import Tensor

from dcac_fastreid.diffusion.adapters import adapted_linear


class AdaptedLinear(Linear):
    """A layer that peft has made takes this class; it has `adapters` then. Merged or switched off, it computes as peft's."""

    def forward(self, x: Tensor, *args, **kwargs) -> Tensor:
        if self.disable_adapters or self.merged:
            return super().forward(x, *args, **kwargs)
        return adapted_linear(self, x)
