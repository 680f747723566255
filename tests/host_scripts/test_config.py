"""What a script's get_cfg() delivers, and what becomes of it when the script merges its file and its arguments."""

import copy
import re

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.config import default_config

CLIP = "MODEL: {BACKBONE: {NAME: build_clip_vit_backbone}}\nSOLVER: {AMP: {ENABLED: True}}\n"
FILES = {
    "clip": CLIP,
    "resnet": "MODEL: {HEADS: {NUM_CLASSES: 3}}\n",
    "cuda": "MODEL: {DEVICE: cuda}\n" + CLIP[CLIP.index("SOLVER") :],
    "cpu": "MODEL: {DEVICE: cpu}\n" + CLIP[CLIP.index("SOLVER") :],
}
PAIRS = (
    [],
    ["MODEL.DEVICE", "cpu"],
    ["SOLVER.AMP.ENABLED", True],
    ["MODEL.PIXEL_MEAN", [1.0, 2.0, 3.0]],
    ["MODEL.BACKBONE.NAME", "build_clip_vit_backbone"],
)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("pairs", PAIRS, ids=str)
def test_it_is_what_load_config_gives(tmp_path, file, pairs):
    """Of a training on a GPU, for instance, whose config.yaml says cuda, on a machine without one."""
    (tmp_path / "config.yml").write_text(FILES[file])
    cfg = default_config().clone()
    cfg.merge_from_file(str(tmp_path / "config.yml"))
    try:
        expected = dcac_fastreid.load_config(str(tmp_path / "config.yml"), pairs)
    except InputError as error:
        with pytest.raises(InputError, match=re.escape(str(error))):
            cfg.merge_from_list(pairs)
        with pytest.raises(InputError, match=re.escape(str(error))):
            cfg.freeze()
        return
    cfg.merge_from_list(pairs)
    assert cfg == expected
    cfg.freeze()
    assert cfg == expected


def test_it_can_be_used_before_anything_is_merged():
    cfg = default_config()
    assert cfg.MODEL.DEVICE == ("cuda" if torch.cuda.is_available() else "cpu")
    assert cfg.MODEL.PIXEL_MEAN == pytest.approx([123.675, 116.28, 103.53])


def test_a_project_adds_keys_of_its_own(tmp_path):
    cfg = default_config()
    cfg.MODEL.STRIPES = type(cfg.MODEL)({"NUMBER": 6})
    (tmp_path / "config.yml").write_text("MODEL: {STRIPES: {NUMBER: 4}}\n")
    cfg.merge_from_file(str(tmp_path / "config.yml"))
    assert cfg.MODEL.STRIPES.NUMBER == 4


def test_what_a_script_sets_after_freezing_stays():
    cfg = default_config()
    cfg.freeze()
    cfg = copy.deepcopy(cfg)
    cfg.defrost()
    cfg.MODEL.BACKBONE.NAME, cfg.SOLVER.AMP.ENABLED = "build_clip_vit_backbone", True
    before = copy.deepcopy(cfg)
    cfg.merge_from_list(["SEED", 5])
    before.SEED = 5
    assert cfg == before


@pytest.mark.parametrize(
    "pairs", [["MODEL.FOO", 1], ["MODEL.DEVICE"], ["SEED", "many"], ["MODEL.DEVICE", "gpu"]], ids=str
)
def test_wrong_pairs_are_told_in_a_sentence(pairs):
    with pytest.raises(InputError):
        default_config().merge_from_list(pairs)
