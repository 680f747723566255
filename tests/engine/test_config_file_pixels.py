"""Mean and standard deviation of the pixels: from the config, or else from the model."""

import pytest

import dcac_fastreid
from fastreid.config import get_cfg

UNSAID = ("MODEL.PIXEL_MEAN", "[]", "MODEL.PIXEL_STD", "[]")
IMAGENET = ("MODEL.PIXEL_MEAN", "[123.675,116.28,103.53]", "MODEL.PIXEL_STD", "[58.395,57.12,57.375]")


@pytest.fixture
def clip(tmp_path):
    """A config with the CLIP backbone that says nothing about pixels."""
    file = tmp_path / "clip.yml"
    file.write_text("MODEL:\n  BACKBONE:\n    NAME: build_clip_vit_backbone\n")
    return str(file)


def pixels(file, *opts):
    cfg = dcac_fastreid.load_config(str(file), opts)
    return cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD


def test_what_the_config_says_counts(clip, configs):
    assert pixels(configs / "base.yml") == ([127.5] * 3, [127.5] * 3)
    assert pixels(clip, *IMAGENET)[0] == get_cfg().MODEL.PIXEL_MEAN, "said, though it is fast-reid's default"


def test_else_the_model_says_it(clip, configs):
    openai = [pytest.approx(255 * 0.48145466), pytest.approx(255 * 0.4578275), pytest.approx(255 * 0.40821073)]
    assert pixels(clip)[0] == openai
    assert pixels(configs / "base.yml", *UNSAID)[0] == openai, "[] takes back what a base says"
    assert pixels(clip, "MODEL.CLIP.ARCH", "ViT-B-16-SigLIP") == ([127.5] * 3, [127.5] * 3)


def test_where_it_does_not_follow_it_must_be_said(clip):
    with pytest.raises(ValueError, match="set MODEL.PIXEL_MEAN and MODEL.PIXEL_STD"):
        pixels(clip, "MODEL.CLIP.ARCH", "ViT-L-14")


def test_fast_reids_own_backbones_keep_its_defaults():
    host = get_cfg().MODEL
    assert pixels("") == (host.PIXEL_MEAN, host.PIXEL_STD)
