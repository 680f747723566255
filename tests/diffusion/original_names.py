"""The names of Stable Diffusion's weights in the original layout, written from their model code; the inverse of the loader."""

import re

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_name(name: str, layers: int) -> str:
    """layers: layers_per_block. Blocks are counted through, a down- or up-sampler with its block's last layer or after it."""
    for ours, theirs in UNET.items():
        if name.startswith(ours + "."):
            name = theirs + name[len(ours) :]
    found = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)", name)
    if found:
        side, block, kind, number = found[1], int(found[2]), found[3], int(found[4])
        rest = name[found.end() :]
        index = block * (layers + 1) + number + (1 if side == "down" else 0)
        place = {"resnets": "0", "attentions": "1"}.get(kind)
        if kind == "downsamplers":
            index, place, rest = (block + 1) * (layers + 1), "0.op", rest.replace(".conv", "")
        elif kind == "upsamplers":  # after resnet and attention, which the first block up does not have
            index, place = block * (layers + 1) + layers, "2" if block else "1"
        name = f"{'input' if side == 'down' else 'output'}_blocks.{index}.{place}{rest}"
    if not re.search(r"attentions|transformer_blocks|\.1\.(norm|proj)", name):
        for ours, theirs in RESNET.items():
            name = re.sub(rf"\.{ours}\.", f".{theirs}.", name)
    return "model.diffusion_model." + name


def vae_name(name: str, levels: int) -> str:
    for ours, theirs in {
        r"down_blocks\.(\d)\.resnets": r"down.\1.block",
        r"down_blocks\.(\d)\.downsamplers\.0": r"down.\1.downsample",
        r"mid_block\.attentions\.0": "mid.attn_1",
        "conv_norm_out": "norm_out",
        "conv_shortcut": "nin_shortcut",
    }.items():
        name = re.sub(ours, theirs, name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "attn_1" in name:
        for ours, theirs in ATTENTION.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
    return "first_stage_model." + name


def original(unet, vae) -> dict:
    """The two models' weights as a file in the original layout has them."""
    layers, levels = unet.config.layers_per_block, len(vae.config.block_out_channels)
    weights = {unet_name(name, layers): weight for name, weight in unet.state_dict().items()}
    for name, weight in vae.state_dict().items():
        name = vae_name(name, levels)
        convolution = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)  # 1 x 1 where diffusers has linear layers
        weights[name] = weight[:, :, None, None] if convolution else weight
    return weights


def averaged_name(name: str) -> str:
    """Of a U-Net's weight, in the moving average."""
    return "model_ema." + name.removeprefix("model.").replace(".", "")
