import math

import pytest
import torch
from torch import nn

from dcac_fastreid.checkpoint import StrictCheckpointer, load_for_testing
from dcac_fastreid.checkpoint.saving import check_finite
from dcac_fastreid.compat import checkpoints
from dcac_fastreid.errors import DivergenceError, InputError
from dcac_fastreid.host_scripts.checkpointer import ScriptCheckpointer
from fastreid.modeling import build_model
from fastreid.utils.checkpoint import Checkpointer


def half(data, stream):
    stream.write(b"the first half")
    raise OSError(28, "No space left on device")


@pytest.fixture
def folder(tmp_path):
    """With one checkpoint, model_0000.pth."""
    StrictCheckpointer(nn.Linear(2, 3), str(tmp_path)).save("model_0000", epoch=0)
    return tmp_path


@pytest.mark.parametrize("checkpointer", [StrictCheckpointer, ScriptCheckpointer, Checkpointer])
def test_a_save_that_fails_leaves_what_was_there(folder, monkeypatch, checkpointer):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(ValueError, match=r"model_0000.pth could not be written \(.*No space left.*--resume"):
        checkpointer(nn.Linear(2, 3), str(folder)).save("model_0000", epoch=1)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_fast_reids_own_save_destroys_the_old_file(folder, monkeypatch):
    monkeypatch.setattr(torch, "save", half)
    monkeypatch.setattr(Checkpointer, "save", checkpoints.host_save)
    with pytest.raises(OSError):
        Checkpointer(nn.Linear(2, 3), str(folder)).save("model_0000")
    assert (folder / "model_0000.pth").read_bytes() == b"the first half"


def test_a_written_file_is_not_the_one_to_resume_from(folder):
    checkpointer = StrictCheckpointer(nn.Linear(2, 3), str(folder))
    checkpointer.write("model_best", metric=12.5)
    assert (folder / "last_checkpoint").read_text() == "model_0000.pth"
    assert checkpointer.saved_metric("model_best") == 12.5
    assert checkpointer.saved_metric("model_other") is None
    checkpointer.remove("model_best")
    assert checkpointer.saved_metric("model_best") is None


def test_a_best_file_that_is_damaged_is_named(folder):
    (folder / "model_best.pth").write_bytes(b"PK")
    with pytest.raises(InputError, match="model_best.pth cannot be read as weights"):
        StrictCheckpointer(nn.Linear(2, 3), str(folder)).saved_metric("model_best")


def test_without_any_checkpoint_left_there_is_nothing_to_resume(folder):
    (folder / "model_0000.pth").unlink()
    with pytest.raises(InputError, match=r"none of the checkpoints in .* can be read \(model_0000.pth\)"):
        StrictCheckpointer(nn.Linear(2, 3), str(folder)).resume_or_load("", resume=True)


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:200])])
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(folder, caplog, damage):
    checkpointer = StrictCheckpointer(nn.Linear(2, 3), str(folder))
    checkpointer.save("model_0001", epoch=1)
    checkpointer.write("model_best", epoch=5)
    checkpointer.save("model_0002", epoch=2)
    damage(folder / "model_0002.pth")
    assert checkpointer.resume_or_load("", resume=True)["epoch"] == 1
    assert "model_0002.pth" in caplog.text and "going on from the checkpoint before it" in caplog.text


HOST = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("CrossEntropyLoss",))
RESNET = (
    "MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "50x", "MODEL.BACKBONE.FEAT_DIM", 2048,
    "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool", "MODEL.HEADS.EMBEDDING_DIM", 16,
)  # fmt: skip


def saved(cfg, tmp_path, classes: int) -> dict:
    """Saves a model of fast-reid with so many classes; returns its weights."""
    cfg.defrost()
    cfg.MODEL.BACKBONE.PRETRAIN, cfg.MODEL.HEADS.NUM_CLASSES = False, classes
    model = build_model(cfg)
    torch.save({"model": model.state_dict()}, tmp_path / "host.pth")
    cfg.MODEL.WEIGHTS, cfg.MODEL.HEADS.NUM_CLASSES = str(tmp_path / "host.pth"), 0
    return model.state_dict()


def test_fast_reids_mgn_is_tested_without_its_classifiers(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml", *HOST, *RESNET, "MODEL.META_ARCHITECTURE", "MGN")
    weights = saved(cfg, tmp_path, classes=7)
    loaded = load_for_testing(cfg).state_dict()
    assert {key for key in loaded if not torch.equal(loaded[key], weights[key])} == {
        key for key in loaded if key.endswith("head.weight")
    }


def test_fast_reids_classification_head_is_tested_with_its_classifier(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml", *HOST, "MODEL.HEADS.NAME", "ClasHead")
    weights = saved(cfg, tmp_path, classes=7)
    cfg.MODEL.HEADS.NUM_CLASSES = 7
    assert torch.equal(load_for_testing(cfg).heads.weight, weights["heads.weight"])


def test_weights_of_a_deeper_backbone_are_no_test_of_a_shallow_one(make_cfg, tmp_path):
    """All that a ResNet18 needs is in a ResNet34, and its features would mean nothing."""
    shallow = (*HOST, *RESNET, "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512)
    saved(make_cfg("baseline/ma_ms.yml", *shallow, "MODEL.BACKBONE.DEPTH", "34x"), tmp_path, classes=7)
    with pytest.raises(InputError, match=r"has \d+ weights for which the model has no place \(backbone\."):
        load_for_testing(make_cfg("baseline/ma_ms.yml", *shallow, "MODEL.WEIGHTS", str(tmp_path / "host.pth")))


def test_what_training_alone_needs_may_be_left_over(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml", *HOST)
    weights = saved(cfg, tmp_path, classes=7)
    further = {"queue": torch.zeros(2), "heads.classifier.weight": torch.zeros(2), "pixel_mean": torch.zeros(3)}
    torch.save({"model": {**weights, **further}}, tmp_path / "host.pth")
    assert torch.equal(load_for_testing(cfg).heads.bottleneck[0].weight, weights["heads.bottleneck.0.weight"])


def test_every_saved_file_carries_the_encoders_config(tmp_path):
    checkpointer = StrictCheckpointer(nn.Linear(2, 3), str(tmp_path), encoder_config="MODEL: {}")
    checkpointer.save("model_0000")
    checkpointer.write("model_best")
    assert {torch.load(tmp_path / f"{name}.pth")["encoder_config"] for name in ("model_0000", "model_best")} == {
        "MODEL: {}"
    }
    StrictCheckpointer(nn.Linear(2, 3), str(tmp_path)).save("model_0001")
    assert "encoder_config" not in torch.load(tmp_path / "model_0001.pth")


def test_what_is_saved_is_loaded(tmp_path):
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25, momentum=0.9)
    StrictCheckpointer(model, str(tmp_path), optimizer=optimizer).save("model_final", epoch=7)
    again = torch.optim.SGD(other.parameters(), lr=1.0, momentum=0.9)
    extra = StrictCheckpointer(other, str(tmp_path), optimizer=again).resume_or_load("", resume=True)
    assert extra["epoch"] == 7 and again.param_groups[0]["lr"] == 0.25
    assert torch.equal(model.weight, other.weight)


@pytest.mark.parametrize(("part", "prefix"), [("model", ""), ("trained", ""), ("average", "module.")])
def test_a_mask_may_be_infinite_wherever_the_model_is_saved(part, prefix):
    bad = torch.tensor([0.0, -math.inf])
    check_finite({part: {f"{prefix}backbone.attn_mask": bad}}, masks={"backbone.attn_mask"})
    for other in ({part: {f"{prefix}backbone.proj": bad}}, {"optimizer": {"backbone.attn_mask": bad}}):
        with pytest.raises(DivergenceError, match="NaN or infinite numbers in"):
            check_finite(other, masks={"backbone.attn_mask"})
