"""The attention and the activation of an open_clip image tower in training: the same numbers, to rounding, of fewer operations.

In evaluation both are open_clip's own, so that features and exported files stay as they are. B batch, T tokens, C width.
"""

import torch.nn.functional as F
from torch import Tensor, nn

QUICK = 1.702  # of QuickGELU: x * sigmoid(1.702 x)


class JoinedAttention(nn.MultiheadAttention):
    """torch's attention whose queries, keys and values are cut out of one product.

    Torch selects them from a copy, of which the backward pass fills three tensors of its size with zeros, copies into each and
    adds them up; here it joins the three gradients.
    """

    def forward(self, query: Tensor, key: Tensor, value: Tensor, *args, **kwargs) -> tuple[Tensor, Tensor | None]:
        """(B, T, C) each, keys and values of one tensor; what training asks for without weights and masks, else torch's own."""
        plain = not args and {name: given for name, given in kwargs.items() if given is not None} == {
            "need_weights": False
        }
        if not self.training or not plain or key is not value or self.dropout:
            return super().forward(query, key, value, *args, **kwargs)
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if query is key:
            parts = F.linear(query, weight, bias).chunk(3, -1)
        else:
            of_query, of_rest = (tensor.split([self.embed_dim, 2 * self.embed_dim]) for tensor in (weight, bias))
            (weight, rest_weight), (bias, rest_bias) = of_query, of_rest
            parts = F.linear(query, weight, bias), *F.linear(key, rest_weight, rest_bias).chunk(2, -1)
        queries, keys, values = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in parts)
        attended = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        return F.linear(attended, self.out_proj.weight, self.out_proj.bias), None


class TrainedQuickGELU(nn.Module):
    """x sigmoid(a x) as silu(a x) / a, which keeps one tensor for the backward pass in the place of three."""

    def __init__(self, ordinary: nn.Module):
        super().__init__()
        self.ordinary = ordinary  # without weights

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(QUICK * x) / QUICK if self.training else self.ordinary(x)


def join_operations(tower: nn.Module) -> None:
    """Gives an open_clip image tower both, in place, where it has what they stand for; names of weights stay."""
    for module in tower.modules():
        if type(module) is nn.MultiheadAttention and module.batch_first and module._qkv_same_embed_dim:
            if module.in_proj_bias is not None and module.bias_k is None and not module.add_zero_attn:
                module.__class__ = JoinedAttention  # it has no more state than torch's
        for name, child in module.named_children():
            if type(child).__name__ == "QuickGELU" and type(module) is not TrainedQuickGELU:
                setattr(module, name, TrainedQuickGELU(child))
