import copy

import open_clip
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.clip_vit import ARCHITECTURES
from dcac_fastreid.reid.clip_weights import load_image_tower, resize_positional_embedding
from dcac_fastreid.synthetic.parts import cached_part


@pytest.fixture(scope="module")
def clip_file(cache_folder):
    """A small CLIP checkpoint in open_clip's format, image and text tower."""
    return cached_part(cache_folder, "clip")


def small(image_size=(64, 64)):
    return CLIPViT("synthetic-ViT-16", image_size)


def load(backbone, path):
    load_image_tower(backbone.tower, str(path), interpolation="bilinear")
    return backbone.eval()


def test_features_equal_open_clips_own_image_tower(clip_file):
    """At CLIP's own square size, where no resizing is involved."""
    open_clip.add_model_config(ARCHITECTURES)
    clip = open_clip.CLIP(**open_clip.get_model_config("synthetic-ViT-16")).eval()
    clip.load_state_dict(load_file(clip_file))
    images = torch.randn(2, 3, 64, 64)
    features = load(small(), clip_file)(images)
    assert features.shape == (2, 128, 1, 1)
    torch.testing.assert_close(features[..., 0, 0], clip.encode_image(images))


def test_vit_b_16_has_the_published_size():
    with torch.device("meta"):
        backbone = CLIPViT("ViT-B-16-quickgelu", (256, 128))
        assert backbone(torch.empty(2, 3, 256, 128)).shape == (2, 512, 1, 1)
    assert sum(p.numel() for p in backbone.parameters() if p.requires_grad) == 85_550_592
    assert backbone.tower.positional_embedding.shape == (129, 768)


def test_the_patch_projection_alone_is_frozen():
    frozen = [name for name, parameter in small().named_parameters() if not parameter.requires_grad]
    assert frozen == ["tower.conv1.weight"]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_positional_embedding_is_resized_without_antialiasing(interpolation):
    embedding = torch.randn(1 + 14 * 14, 6)
    resized = resize_positional_embedding(embedding, (16, 8), interpolation=interpolation)
    grid = embedding[1:].reshape(14, 14, 6).permute(2, 0, 1)[None]
    expected = F.interpolate(grid, (16, 8), mode=interpolation, antialias=False)[0].permute(1, 2, 0).reshape(128, 6)
    assert torch.equal(resized[0], embedding[0])
    torch.testing.assert_close(resized[1:], expected)


def test_openais_archive_is_read(clip_file, tmp_path):
    """A TorchScript archive in half precision, as OpenAI's ViT-B-16.pt."""
    theirs = load(small(), clip_file)
    torch.jit.script(_Parameters(copy.deepcopy(theirs.tower).half())).save(tmp_path / "ViT-B-16.pt")
    ours = load(small(), tmp_path / "ViT-B-16.pt")
    for (name, parameter), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, rtol=1e-3, atol=1e-3, msg=name)


class _Parameters(torch.nn.Module):
    """Scriptable holder of another module's weights, under their names below `visual`."""

    def __init__(self, module):
        super().__init__()
        self.visual = torch.nn.Module()
        for name, parameter in module.named_parameters():
            *path, leaf = name.split(".")
            holder = self.visual
            for step in path:
                if not hasattr(holder, step):
                    holder.add_module(step, torch.nn.Module())
                holder = getattr(holder, step)
            holder.register_parameter(leaf, parameter)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


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
    with pytest.raises(FileNotFoundError, match="MODEL.BACKBONE.PRETRAIN_PATH"):
        load(small(), tmp_path / "nothing.pt")


def test_sizes_and_names_that_cannot_work_are_refused():
    with pytest.raises(ValueError, match="multiple of the patch size 16"):
        small((130, 64))
    with pytest.raises(ValueError, match="'ViT-Z'"):
        CLIPViT("ViT-Z", (256, 128))
    with pytest.raises(ValueError, match="no plain CLIP ViT"):
        CLIPViT("RN50", (256, 128))
