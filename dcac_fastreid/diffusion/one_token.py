"""Cross-attention to a condition of one token, without queries and keys. B batch, S positions, C channels; L condition tokens.

The softmax over one key is 1, so the attention gives to_out(to_v(c)) at every position, whatever queries and keys are.
"""

from collections.abc import Iterator

from torch import Tensor, nn


class OneTokenAttention:
    """A diffusers attention processor that takes the short way where the condition has one token and nothing masks it.

    Args:
        ordinary: the processor that it stands for; takes all other calls.
    """

    def __init__(self, ordinary):
        self.ordinary = ordinary

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """hidden_states (B, S, C) and condition (B, L, c) to (B, S, C)."""
        if encoder_hidden_states is None or encoder_hidden_states.shape[1] != 1 or attention_mask is not None:
            return self.ordinary(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        output = attn.to_v(encoder_hidden_states)
        for layer in attn.to_out:
            output = layer(output)
        return output.expand(-1, hidden_states.shape[1], -1)


def shorten_cross_attention(unet: nn.Module) -> None:
    """Puts OneTokenAttention on every cross-attention that does no more than q, k, v and out, as Stable Diffusion's, in place."""
    for _, attention in _cross_attentions(unet):
        norms = attention.spatial_norm, attention.norm_cross
        scaled = attention.residual_connection or attention.rescale_output_factor != 1
        dropout = attention.to_out[1].p > 0  # would draw for every position
        if norms == (None, None) and not scaled and not dropout:
            attention.set_processor(OneTokenAttention(attention.processor))


def unused_with_one_token(unet: nn.Module) -> Iterator[nn.Parameter]:
    """The weights that a condition of one token leaves without gradient: of queries, keys and the normalisation before them."""
    for block, attention in _cross_attentions(unet):
        if isinstance(attention.processor, OneTokenAttention):
            for module in (attention.to_q, attention.to_k, attention.norm_q, attention.norm_k, block.norm2):
                yield from module.parameters() if module is not None else ()


def _cross_attentions(unet: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """Each with the transformer block that it is part of."""
    for block in unet.modules():
        if getattr(getattr(block, "attn2", None), "is_cross_attention", False):
            yield block, block.attn2
