"""What is missing of CLIP, in each form that MODEL.BACKBONE.PRETRAIN_PATH may have."""

import pytest

from dcac_fastreid.engine.preflight import check_inputs


def test_a_tag_is_no_missing_file(make_cfg):
    """Whether it can be downloaded, the download tells."""
    opts = ("MODEL.CLIP.ARCH", "ViT-B-16", "MODEL.BACKBONE.PRETRAIN_PATH", "laion2b_s34b_b88k")
    check_inputs(make_cfg("baseline/ma_ms.yml", *opts), training=True)


@pytest.mark.parametrize("path", ["laion2b_s34b_b88k", "weights/laion2b_s34b_b88k"])
def test_another_models_tag_is_a_missing_file(path, make_cfg):
    with pytest.raises(FileNotFoundError, match=f"no file {path} "):
        check_inputs(make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.PRETRAIN_PATH", path), training=True)
