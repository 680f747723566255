"""The names that Hugging Face's transformers gives to the weights of CLIP's image tower."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError

OUTSIDE = {
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "visual_projection.weight": "visual.proj",
}
NORMS = {"vision_model.pre_layrnorm.": "visual.ln_pre.", "vision_model.post_layernorm.": "visual.ln_post."}  # sic
LAYER = "vision_model.encoder.layers."
IN_LAYER = {
    "layer_norm1.": "ln_1.",
    "layer_norm2.": "ln_2.",
    "self_attn.out_proj.": "attn.out_proj.",
    "mlp.fc1.": "mlp.c_fc.",
    "mlp.fc2.": "mlp.c_proj.",
}


def to_open_clip(weights: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The image tower's weights under open_clip's names `visual.*`; those of another naming are returned as they are.

    Raises: InputError: a SigLIP in transformers' naming, which is another trunk than timm's.
    """
    if not any(key.startswith("vision_model.") for key in weights):
        return dict(weights)
    if "vision_model.embeddings.class_embedding" not in weights:
        raise InputError(
            f"{path} holds an image tower in transformers' naming that is no CLIP (a SigLIP?); get it in open_clip's format"
        )
    weights = {key: weight for key, weight in weights.items() if key.startswith(("vision_model.", "visual_proj"))}
    weights.pop("vision_model.embeddings.position_ids", None)  # 0, 1, 2, ..., in older files
    converted = {}
    for key in [key for key in weights if key.startswith(LAYER) and ".q_proj." in key]:
        parts = [key.replace("q_proj", part) for part in ("q_proj", "k_proj", "v_proj")]
        if all(part in weights for part in parts):
            name = key.replace(LAYER, "visual.transformer.resblocks.").replace("self_attn.q_proj.", "attn.in_proj_")
            converted[name] = torch.cat([weights.pop(part) for part in parts])
    return {**converted, **{_renamed(key): _turned(key, weight) for key, weight in weights.items()}}


def _renamed(key: str) -> str:
    if key in OUTSIDE:
        return OUTSIDE[key]
    for theirs, ours in NORMS.items():
        if key.startswith(theirs):
            return key.replace(theirs, ours)
    if key.startswith(LAYER):
        number, _, rest = key.removeprefix(LAYER).partition(".")
        for theirs, ours in IN_LAYER.items():
            if rest.startswith(theirs):
                return f"visual.transformer.resblocks.{number}.{rest.replace(theirs, ours)}"
    return f"visual.{key}"  # of no known name: will be listed as left over


def _turned(key: str, weight: Tensor) -> Tensor:
    return weight.T if key == "visual_projection.weight" else weight  # a linear layer there, a factor on the right here
