"""How far are the numbers of several processes from those of one?"""

from collections.abc import Mapping

import torch
from torch import Tensor

# The true gradient of both is 0: behind the BNNeck a shift of all features is nothing, and of attention's biases (query, key
# and value in one tensor) the key's is none. What comes is rounding, of which Adam makes steps of the learning rate.
WITHOUT_GRADIENT = ("ln_post.bias", "in_proj_bias")


def unequal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """Names of what differs in a single bit, or is in one of them alone."""
    return [
        name for name in {**one, **other} if name not in one or name not in other or not same(one[name], other[name])
    ]


def same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one, other)


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, float]:
    """Relative distance by name, of what has a true gradient, the largest first."""
    assert one.keys() == other.keys()
    far = {name: relative(one[name], other[name]) for name in one if not name.endswith(WITHOUT_GRADIENT)}
    return dict(sorted(far.items(), key=lambda item: -item[1]))


def relative(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).norm() / one.double().norm().clamp_min(1e-30))
