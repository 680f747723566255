"""The last block of a ViT whose feature is its class token: what it gives at the patches is read by nobody.

B batch, T tokens, the class token first, C width.
"""

from torch import Tensor, nn

# Of a block that has nothing between them, in this order: known by its layers, since open_clip has several kinds of blocks.
LAYERS = ["ln_1", "attn", "ls_1", "ln_2", "mlp", "ls_2"]


class ClassTokenBlock(nn.Module):
    """A residual attention block of open_clip that gives the class token alone, exactly as the block itself.

    Keys and values are of all tokens; query, output projection and MLP of one. The first normalisation is still computed at
    every token: the layer at which Grad-CAM looks.

    Args:
        block: its layers are taken over under their names, so a checkpoint knows no difference.
    """

    def __init__(self, block: nn.Module):
        super().__init__()
        for name, layer in block.named_children():
            self.add_module(name, layer)

    def forward(self, x: Tensor, k_x: None = None, v_x: None = None, attn_mask: None = None) -> Tensor:
        """(B, T, C) to (B, 1, C). The other arguments are open_clip's, which an image tower leaves at None."""
        tokens = self.ln_1(x)
        attended = self.attn(tokens[:, :1], tokens, tokens, need_weights=False)[0]
        x = x[:, :1] + self.ls_1(attended)
        return x + self.ls_2(self.mlp(self.ln_2(x)))


def only_class_token(tower: nn.Module) -> None:
    """Makes the last block of an open_clip image tower a ClassTokenBlock, in place, where the tower reads no other token."""
    blocks = getattr(getattr(tower, "transformer", None), "resblocks", None)
    pools_class_token = getattr(tower, "pool_type", None) == "tok" and getattr(tower, "attn_pool", None) is None
    if blocks and pools_class_token and list(dict(blocks[-1].named_children())) == LAYERS:
        if blocks[-1].attn.batch_first:
            blocks[-1] = ClassTokenBlock(blocks[-1])
