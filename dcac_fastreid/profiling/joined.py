"""What open_clip, diffusers and peft do in several operations each and a step of ours in one: switched on a model in place."""

from collections.abc import Iterator

from torch import nn

from dcac_fastreid.diffusion.division_by_one import FACTORS, One
from dcac_fastreid.reid.fewer_operations import JoinedAttention, TrainedQuickGELU


class Joined:
    """Switches a model between the libraries' ways and ours. The weights and their names stay.

    Args: model: as `build` makes it; begins with ours.
    """

    def __init__(self, model: nn.Module):
        self._places = list(_places(model))

    def choose(self, ours: bool) -> None:
        for holder, attribute, our_way, their_way in self._places:
            setattr(holder, attribute, our_way if ours else their_way)


def _places(model: nn.Module) -> Iterator[tuple[nn.Module, str, object, object]]:
    """Module, attribute, and its value in our way and in the libraries'."""
    for module in model.modules():
        if isinstance(module, JoinedAttention):
            yield module, "__class__", JoinedAttention, nn.MultiheadAttention
        if hasattr(module, "lora_A"):
            yield module, "__class__", type(module), type(module).__mro__[1]  # peft's
        if hasattr(module, "converts_together"):
            yield module, "converts_together", module.converts_together, False
        for name in FACTORS:
            if isinstance(factor := getattr(module, name, None), One):
                yield module, name, factor, 1.0
        for name, child in module.named_children():
            if isinstance(child, TrainedQuickGELU):
                yield module, name, child, child.ordinary
