"""What may happen to a condition on its way to the denoiser, Section 5.4.6 and Table 10. B batch, L tokens, C condition width."""

from torch import Tensor, nn

from dcac_fastreid.errors import InputError

# ConditionNet's inner width is C / 8: 96 for the 768 of Stable Diffusion 1.5 (authors' code).
REDUCTION = 8


class TokenNorm(nn.BatchNorm1d):
    """BatchNorm over all tokens of a batch, (B, L, C) to (B, L, C)."""

    def forward(self, condition: Tensor) -> Tensor:
        return super().forward(condition.flatten(0, 1)).view_as(condition)


def _condition_net(width: int) -> nn.Sequential:
    inner = max(1, width // REDUCTION)
    return nn.Sequential(
        TokenNorm(width),
        nn.SiLU(),
        nn.Linear(width, inner, bias=False),
        TokenNorm(inner),
        nn.SiLU(),
        nn.Linear(inner, width, bias=False),
    )


TRANSFORMS = {
    "none": lambda width: nn.Identity(),
    "silu": lambda width: nn.SiLU(),  # "+ Non-linearity"
    "batchnorm": TokenNorm,  # "+ BatchNorm"
    "condition_net": _condition_net,  # "+ ConditionNet"
}


# How the linear layers of ConditionNet start, MODEL.DCAC.CONDITIONER.CONDITION_NET_INIT.
CONDITION_NET_INITS = ("default", "normal")


def build_transform(name: str, condition_dim: int, condition_net_init: str = "default") -> nn.Module:
    """The transform MODEL.DCAC.CONDITIONER.TRANSFORM of conditions of width C = condition_dim; raises as `check_transform`.

    Args: condition_net_init: "default" as PyTorch starts linear layers, or "normal", N(0, 1) (authors' code).
    """
    check_transform(name)
    transform = TRANSFORMS[name](condition_dim)
    if name == "condition_net" and condition_net_init == "normal":
        for layer in transform:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight)
    return transform


def check_transform(name: str) -> None:
    """Raises InputError where no transform has this name."""
    if name not in TRANSFORMS:
        raise InputError(f"MODEL.DCAC.CONDITIONER.TRANSFORM is {name!r}; known transforms are {', '.join(TRANSFORMS)}")
