"""Which short cuts does a training step take? One model, switched among the benchmark's variants in place."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dcac_fastreid.diffusion import store_frozen_in
from dcac_fastreid.profiling.joined import Joined
from dcac_fastreid.reid.class_token import ClassTokenBlock
from dcac_fastreid.reid.open_clip_models import image_tower

# Each with all that stand before it. "plain": diffusers, peft and open_clip as they come, the VAE in the loop, fast-reid's
# optimizer with a group for every weight. "+onednn" is for the CPU and the last thing that runs there; what follows is for GPUs.
CUMULATIVE = (
    "plain", "+latents", "+shortcut", "+class-token", "+joined", "+optimizer", "+onednn", "+channels_last", "+bf16",
)  # fmt: skip
# "+joined": several of the libraries' operations as one, see profiling/joined.py.
# "+bf16": frozen weights in bfloat16, to which mixed precision would convert them at every step. "+graph": the step replayed
# as a CUDA graph; "+compile": encoder and U-Net compiled besides.
ON_GPU = ("+bf16", "+graph", "+compile")

Latents = Callable[[Sequence[str]], Tensor]


class Variants:
    """Switches a model as `build` makes it. Weights are shared by all variants, so one optimizer serves them.

    Args:
        model: DCAC, or the baseline, which has no diffusion side to switch.
        in_loop, at_hand: moments of a batch's images, by the VAE at every step and computed before; (B, 2c, h, w).
        scaling_factor: of the VAE.
    """

    def __init__(self, model: nn.Module, cfg, in_loop: Latents, at_hand: Latents, scaling_factor: float = 1.0):
        self._model = model
        self._latents = {False: in_loop, True: at_hand}
        self._scaling_factor = scaling_factor
        self._joined = Joined(model)
        self._last_blocks = {}
        blocks = _blocks(model)
        if blocks and isinstance(blocks[-1], ClassTokenBlock):
            self._last_blocks = {False: _ordinary_block(blocks[-1], cfg), True: blocks[-1]}
        if getattr(model, "feedback", None) is not None:
            short = model.feedback.denoiser.unet.attn_processors
            ordinary = {name: short[name.replace(".attn2.", ".attn1.")] for name in short}
            self._processors = {False: ordinary, True: short}
        self.choose("+onednn")

    def choose(self, variant: str) -> None:
        """Makes the model take the short cuts of a variant of CUMULATIVE, and no other."""
        chosen = CUMULATIVE[: CUMULATIVE.index(variant) + 1]
        if self._last_blocks:
            _blocks(self._model)[-1] = self._last_blocks["+class-token" in chosen]
        self._joined.choose("+joined" in chosen)
        feedback = getattr(self._model, "feedback", None)
        if feedback is None:
            return
        feedback.connect_latents(self._latents["+latents" in chosen], self._scaling_factor)
        feedback.denoiser.unet.set_attn_processor(dict(self._processors["+shortcut" in chosen]))
        store_frozen_in(feedback.denoiser, torch.bfloat16 if "+bf16" in chosen else torch.float32)
        channels_last = "+channels_last" in chosen
        feedback.denoiser.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


def _blocks(model: nn.Module) -> nn.ModuleList | None:
    """The transformer blocks of an open_clip image tower; None for another encoder."""
    tower = getattr(model.backbone, "tower", None)
    return getattr(getattr(tower, "transformer", None), "resblocks", None)


def _ordinary_block(block: nn.Module, cfg) -> nn.Module:
    """open_clip's own block around the same layers, which computes every token."""
    with torch.device("meta"):
        tower, _ = image_tower(cfg.MODEL.CLIP.ARCH, tuple(cfg.INPUT.SIZE_TRAIN))
    ordinary = tower.transformer.resblocks[-1]
    for name, layer in block.named_children():
        setattr(ordinary, name, layer)
    return ordinary
