import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower, resize_positional_embedding


def small(image_size=(128, 64), arch="synthetic-ViT-16"):
    return CLIPViT(arch, image_size)


def load(backbone, path, interpolation="bilinear"):
    load_image_tower(backbone.tower, str(path), interpolation=interpolation)
    return backbone.eval()


def as_images(grid, side):
    """(side * side, C) positions as one image (1, C, side, side)."""
    return grid.reshape(side, side, -1).permute(2, 0, 1)[None]


def as_positions(images):
    return images[0].permute(1, 2, 0).flatten(0, 1)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_positional_embedding_is_resized_without_antialiasing(interpolation):
    embedding = torch.randn(1 + 14 * 14, 6)
    resized = resize_positional_embedding(embedding, (16, 8), interpolation=interpolation)
    expected = F.interpolate(as_images(embedding[1:], 14), (16, 8), mode=interpolation, antialias=False)
    assert torch.equal(resized[0], embedding[0])
    torch.testing.assert_close(resized[1:], as_positions(expected))
    smooth = as_positions(F.interpolate(as_images(embedding[1:], 14), (16, 8), mode=interpolation, antialias=True))
    assert (resized[1:] - smooth).abs().max() > 0.1, "as open_clip would"


def test_a_grid_that_is_no_square_stays_where_it_fits_and_is_refused_where_not():
    embedding = torch.randn(1 + 16 * 8, 6)
    assert torch.equal(resize_positional_embedding(embedding, (16, 8), interpolation="bilinear"), embedding)
    with pytest.raises(ValueError, match="128 positions, which is no square grid, nor the 8 x 4"):
        resize_positional_embedding(embedding, (8, 4), interpolation="bilinear")
    with pytest.raises(ValueError, match="expected 'bilinear' or 'bicubic'"):
        resize_positional_embedding(embedding, (16, 8), interpolation="nearest")


def test_openais_archive_is_read(clip_file, tmp_path):
    """A TorchScript archive in half precision, as OpenAI's ViT-B-16.pt; none of its methods is called."""
    theirs = load(small(), clip_file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(_Parameters(copy.deepcopy(theirs.tower).half())).save(tmp_path / "ViT-B-16.pt")
    ours = load(small(), tmp_path / "ViT-B-16.pt")
    for (name, parameter), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-3, atol=1e-3, msg=name)
        assert parameter.dtype == torch.float32


class _Parameters(torch.nn.Module):
    """Scriptable holder of another module's weights, under their names below `visual`; its own method fails."""

    def __init__(self, module):
        super().__init__()
        self.visual = torch.nn.Module()
        self.register_buffer("input_resolution", torch.tensor(64))  # beside the weights, as in OpenAI's
        for name, parameter in module.named_parameters():
            *path, leaf = name.split(".")
            holder = self.visual
            for step in path:
                if not hasattr(holder, step):
                    holder.add_module(step, torch.nn.Module())
                holder = getattr(holder, step)
            holder.register_parameter(leaf, parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("called")


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_transformers_naming_is_read(suffix, half, tmp_path):
    """The features equal those of transformers' own CLIP."""
    from transformers import CLIPConfig, CLIPModel

    vision = {
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 16,
        "hidden_act": "quick_gelu",
    }
    text = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    clip = CLIPModel(
        CLIPConfig(vision_config=vision, text_config={**text, "vocab_size": 99}, projection_dim=128)
    ).eval()
    for parameter in clip.parameters():
        torch.nn.init.normal_(parameter, std=0.1)  # its own norms and biases would be ones and zeros, and hide a mix-up
    if half:
        clip = clip.half().float()
    weights = {key: (value.half() if half else value).contiguous() for key, value in clip.state_dict().items()}
    if suffix == ".bin":  # older files hold the positions' numbers too
        weights["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
        torch.save(weights, tmp_path / "pytorch_model.bin")
    else:
        save_file(weights, tmp_path / "model.safetensors")
    images = torch.randn(2, 3, 64, 64)
    pooled = clip.vision_model(images).pooler_output
    ours = load(small((64, 64)), next(tmp_path.iterdir()))
    torch.testing.assert_close(ours(images)[..., 0, 0], clip.visual_projection(pooled), rtol=1e-4, atol=1e-4)


def test_what_transformers_naming_lacks_is_listed(tmp_path):
    layer = "vision_model.encoder.layers.0.self_attn"
    weights = {
        "vision_model.embeddings.class_embedding": torch.zeros(128),
        f"{layer}.q_proj.weight": torch.zeros(128, 128),
    }
    save_file(weights, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match=r"conv1.weight is missing.*self_attn.q_proj.weight is left over"):
        load(small(), tmp_path / "part.safetensors")


def test_siglip_in_transformers_naming_is_refused(tmp_path):
    save_file({"vision_model.embeddings.patch_embedding.bias": torch.zeros(1)}, tmp_path / "siglip.safetensors")
    with pytest.raises(ValueError, match="no CLIP.*open_clip's format"):
        load(small(), tmp_path / "siglip.safetensors")


def test_siglips_weights_are_read_at_another_size(small_siglip, tmp_path):
    """A timm trunk has its positions in another place, without a class token."""
    source, images = small((64, 64), small_siglip).eval(), torch.randn(2, 3, 64, 64)
    torch.nn.init.normal_(source.tower.trunk.pos_embed)
    save_file(
        {f"visual.{key}": value for key, value in source.tower.state_dict().items()}, tmp_path / "siglip.safetensors"
    )
    assert torch.equal(load(small((64, 64), small_siglip), tmp_path / "siglip.safetensors")(images), source(images))
    tall = load(small((128, 64), small_siglip), tmp_path / "siglip.safetensors", "bicubic").tower.trunk
    grid = F.interpolate(as_images(source.tower.trunk.pos_embed[0], 4), (8, 4), mode="bicubic")
    torch.testing.assert_close(tall.pos_embed[0], as_positions(grid))


def test_weights_of_another_architecture_are_refused_with_a_list(clip_file, tmp_path):
    weights = load_file(clip_file)
    weights.pop("visual.ln_pre.weight")
    weights["visual.extra"] = torch.zeros(1)
    weights["visual.proj"] = torch.zeros(128, 64)
    save_file(weights, tmp_path / "other.safetensors")
    expected = r"extra is left over; ln_pre.weight is missing; proj is \(128, 64\) where the model has \(128, 128\)"
    with pytest.raises(ValueError, match=expected):
        load(small(), tmp_path / "other.safetensors")


def test_no_clip_file_and_no_file_are_refused(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no weight named visual"):
        load(small(), tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no file .*nothing.pt"):
        load(small(), tmp_path / "nothing.pt")
