"""Correlation-aware conditioner, Eq. 12. B batch, N identities, C condition width."""

from torch import Tensor

from dcac_fastreid.conditioners.id_prompts import IDPrompts
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY


@CONDITIONER_REGISTRY.register()
class CorrelationAwareConditioner(IDPrompts):
    """c_i = Σ_j p_ij P[j]: every identity's prompt, weighted by how much the sample resembles that identity."""

    def condition(self, *, features: Tensor, logits: Tensor, targets: Tensor, prototypes: Tensor) -> Tensor:
        """Reads what the probabilities are made of. Returns (B, 1, C), one token for the cross-attention."""
        probabilities = self.probabilities(features=features, logits=logits, prototypes=prototypes)
        return (probabilities @ self.prompts)[:, None]
