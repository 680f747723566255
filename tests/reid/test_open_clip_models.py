import open_clip
import pytest
import torch

from dcac_fastreid.reid import build_clip_vit_backbone, names_tag, pixel_statistics
from dcac_fastreid.reid.open_clip_models import weights_file

OPENAI = [255 * value for value in (0.48145466, 0.4578275, 0.40821073)]


@pytest.mark.parametrize(
    ("arch", "weights", "mean"),
    [
        ("ViT-B-16-quickgelu", "weights/ViT-B-16.pt", OPENAI),
        ("ViT-B-16-SigLIP", "", [127.5] * 3),
        ("ViT-L-14", "laion2b_s32b_b82k", [127.5] * 3),  # not as its other weights
        ("ViT-L-14", "laion400m_e32", OPENAI),
    ],
)
def test_mean_of_the_pixels_is_the_models(arch, weights, mean):
    assert pixel_statistics(arch, weights)[0] == pytest.approx(mean)


def test_what_the_pixels_were_is_not_guessed():
    with pytest.raises(ValueError, match="differ.*set MODEL.PIXEL_MEAN and MODEL.PIXEL_STD"):
        pixel_statistics("ViT-L-14", "weights/some.safetensors")
    with pytest.raises(ValueError, match="no weights of it"):
        pixel_statistics("synthetic-ViT-16", "synthetic:clip")


def test_a_tag_is_told_from_a_path():
    assert names_tag("ViT-B-16", "laion2b_s34b_b88k")
    for other in ("", "laion2b", "weights/openai", "./openai", "openai.pt"):
        assert not names_tag("ViT-B-16", other), other


def test_a_tags_weights_are_those_that_open_clip_downloads(make_cfg, clip_file, monkeypatch):
    asked = []
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda arch: ["some_tag"])
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda arch, tag: {"hf_hub": f"{arch}/{tag}"})
    monkeypatch.setattr(open_clip, "download_pretrained", lambda cfg: asked.append(cfg["hf_hub"]) or str(clip_file))
    tower = build_clip_vit_backbone(make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.PRETRAIN_PATH", "some_tag")).tower
    assert asked == ["synthetic-ViT-16/some_tag"]
    from safetensors.torch import load_file

    assert torch.equal(tower.proj, load_file(clip_file)["visual.proj"])


def test_a_tag_offline_is_one_sentence(monkeypatch):
    def offline(cfg):
        raise FileNotFoundError("Failed to download file\nof several lines")

    monkeypatch.setattr(open_clip, "download_pretrained", offline)
    expected = (
        r"'laion2b_s34b_b88k' of ViT-B-16 could not be downloaded \(Failed .*laion/CLIP-ViT-B-16-laion2B-s34B-b88K"
    )
    with pytest.raises(ValueError, match=expected) as refused:
        weights_file("ViT-B-16", "laion2b_s34b_b88k")
    assert "\n" not in str(refused.value)


def test_neither_file_nor_tag_is_refused_with_the_tags():
    with pytest.raises(FileNotFoundError, match="MODEL.BACKBONE.PRETRAIN_PATH names 'openay'.*known: openai, "):
        weights_file("ViT-B-16-quickgelu", "openay")


def test_weights_of_another_activation_are_refused(tmp_path):
    """With GELU in the place of QuickGELU the weights load and the features are wrong."""
    with pytest.raises(ValueError, match="openai was trained with QuickGELU.*set it to ViT-B-16-quickgelu"):
        weights_file("ViT-B-16", "openai")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(1, 1)).save(tmp_path / "ViT-B-16.pt")
    with pytest.raises(ValueError, match="ViT-B-16.pt was trained with QuickGELU"):
        weights_file("ViT-B-16", str(tmp_path / "ViT-B-16.pt"))
    assert weights_file("ViT-B-16-quickgelu", str(tmp_path / "ViT-B-16.pt")) == str(tmp_path / "ViT-B-16.pt")
