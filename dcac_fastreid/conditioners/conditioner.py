"""What all conditioning schemes share: the condition that they make, then its transform. B batch, L tokens, C condition width."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from dcac_fastreid.conditioners.transforms import build_transform


class Conditioner(nn.Module, ABC):
    """A conditioning scheme; its contract is CONDITIONER_REGISTRY's.

    Args:
        transform: (B, L, C) to (B, L, C), Table 10; None leaves the condition as it is.
    """

    num_tokens = 1  # L; a scheme that makes another number of tokens says so
    reads_targets = False  # whether it needs the identity among the trained ones; a scheme that does says so
    reads_embeddings = False  # whether its features are the encoder's, before the BNNeck, and not those behind it

    def __init__(self, *, transform: nn.Module | None = None):
        super().__init__()
        self.transform = transform or nn.Identity()

    @classmethod
    def from_config(cls, cfg, condition_dim: int):
        settings = cfg.MODEL.DCAC.CONDITIONER
        return {"transform": build_transform(settings.TRANSFORM, condition_dim, settings.CONDITION_NET_INIT)}

    def forward(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """The condition (B, L, C), transformed. Raises ValueError: the scheme makes another L than its num_tokens."""
        condition = self.condition(features=features, logits=logits, targets=targets, prototypes=prototypes)
        if condition.shape[1] != self.num_tokens:
            raise ValueError(
                f"{type(self).__name__} made {condition.shape[1]} condition tokens, its num_tokens says {self.num_tokens}; "
                f"set num_tokens = {condition.shape[1]} in the class"
            )
        return self.transform(condition)

    @abstractmethod
    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """The scheme itself: (B, L, C) from the arguments that CONDITIONER_REGISTRY names."""
