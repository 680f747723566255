"""SOLVER.EMA: the average itself, and what checkpoints, tests and a resumed run have of it."""

import pytest
import torch
from torch import nn

import dcac_fastreid
from dcac_fastreid.checkpoint.checkpointer import load_for_testing
from dcac_fastreid.engine.average import WeightAverage, decay_of
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.errors import InputError

from . import same_run
from .test_resume import Stop, stopped

CONFIG = "baseline/ma_ma.yml"
OPTS = ("SOLVER.EMA.EPOCHS", 1.0, "SOLVER.MAX_EPOCH", 3, "SOLVER.STEPS", [1], "SOLVER.CHECKPOINT_STEPS", 2)


def begin(make_trainer, folder, *opts, resume=False):
    trainer = make_trainer(CONFIG, *OPTS, "OUTPUT_DIR", str(folder), *opts)
    trainer.resume_or_load(resume=resume)
    return trainer


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def run(make_trainer, kept):
    """A finished run of 3 epochs of 3 steps, made once: its folder, its last scores, and the average of a weight by hand."""
    if not (kept / "seen").exists():
        trainer = begin(make_trainer, kept)
        average, decay, after_step = [], decay_of(1.0, 3), trainer.after_step

        def watch():
            weight = trainer.model.backbone.tower.proj.detach()
            average[:] = [average[0] + (1 - decay) * (weight - average[0]) if average else weight.clone()]
            after_step()

        trainer.after_step = watch
        scores = {name: float(score) for name, score in trainer.train().items() if name != "dataset"}
        torch.save([scores, average[0]], kept / "seen")
    return kept, *torch.load(kept / "seen")


def test_a_hand_worked_average():
    layer = nn.Linear(1, 1, bias=False)
    average = WeightAverage(nn.ModuleDict({"heads": layer}), decay=0.75)
    for weight in (8.0, 4.0, 0.0):
        nn.init.constant_(layer.weight, weight)
        average.update()
    # 8; 0.75 x 8 + 0.25 x 4 = 7; 0.75 x 7 + 0.25 x 0 = 5.25
    assert average.parts["heads"].weight.item() == 5.25 and layer.weight.item() == 0
    assert not average.parts["heads"].weight.requires_grad


def test_an_attention_mask_stays_as_it_is():
    layer = nn.Linear(1, 1)
    layer.register_buffer("mask", torch.tensor([[0.0, -torch.inf], [0.0, 0.0]]))
    average = WeightAverage(nn.ModuleDict({"heads": layer}), decay=0.75)
    for _ in range(3):
        average.update()
    assert torch.equal(average.parts["heads"].mask, layer.mask)


def test_an_average_over_epochs_means_the_same_at_every_size():
    assert decay_of(2.0, 50) == pytest.approx(0.99) and decay_of(0.2, 500) == pytest.approx(0.99)
    assert decay_of(0.001, 3) == 0


def test_a_checkpoint_has_the_average_as_its_model_and_the_trained_weights_beside_it(run):
    folder, _, by_hand = run
    saved, name = torch.load(folder / "model_final.pth"), "backbone.tower.proj"
    assert torch.allclose(saved["model"][name], by_hand, atol=1e-7)
    assert not torch.equal(saved["model"][name], saved["trained"][name])
    assert torch.equal(saved["model"][name], saved["average"][f"module.{name}"])
    assert "memory.prototypes" in saved["model"] and "memory.prototypes" not in saved["trained"]


def test_a_test_of_the_file_gives_the_scores_of_the_training(run, make_cfg):
    folder, scores, _ = run
    cfg = make_cfg(CONFIG, "MODEL.WEIGHTS", str(folder / "model_final.pth"))
    results = dcac_fastreid.DCACTrainer.test(cfg, load_for_testing(cfg))
    assert {name: float(results[name]) for name in scores} == scores


def test_a_resumed_run_ends_as_one_that_was_never_stopped(run, make_trainer, tmp_path):
    trainer = begin(make_trainer, tmp_path)
    stopped(trainer, Stop("after_step", 5))
    torch.manual_seed(5)
    begin(make_trainer, tmp_path, resume=True).train()
    same_run.assert_same(tmp_path, run[0])


def test_the_weights_that_train_are_those_of_a_run_without_an_average(run, make_trainer, tmp_path):
    begin(make_trainer, tmp_path, "SOLVER.EMA.EPOCHS", 0.0).train()
    plain, averaged = torch.load(tmp_path / "model_final.pth"), torch.load(run[0] / "model_final.pth")
    assert plain.keys() & {"trained", "average"} == set()
    trained = averaged["trained"]
    assert same_run.differences({name: plain["model"][name] for name in trained}, trained) == []
    assert same_run.differences(plain["optimizer"], averaged["optimizer"]) == []


def test_features_of_the_file_are_those_of_the_average(run, make_cfg):
    """FeatureExtractor reads it like any other checkpoint."""
    from dcac_fastreid.deploy.encoder import open_encoder

    model = open_encoder(run[0] / "model_final.pth", "cpu").model
    saved = torch.load(run[0] / "model_final.pth")["model"]
    ours = model.state_dict()
    assert all(
        torch.equal(ours[name], saved[name]) for name in ours if name.startswith(("backbone.", "heads.bottleneck."))
    )


def test_an_average_cannot_begin_in_the_middle_of_a_run(make_trainer, tmp_path):
    opts = ("SOLVER.EMA.EPOCHS", 0.0, "SOLVER.MAX_EPOCH", 1)
    begin(make_trainer, tmp_path, *opts).train()
    with pytest.raises(InputError, match=r"started with SOLVER.EMA.EPOCHS 0.0, got 1.0"):
        begin(make_trainer, tmp_path, resume=True)
    saved = torch.load(tmp_path / "model_final.pth")
    del saved["progress"]["solver"]["EMA.EPOCHS"]  # as of a version that did not know it
    torch.save(saved, tmp_path / "model_final.pth")
    with pytest.raises(InputError, match=r"it has no average of the weights, which SOLVER.EMA.EPOCHS asks for"):
        begin(make_trainer, tmp_path, resume=True)


@pytest.mark.parametrize("epochs", [0.0, 2.0])
def test_a_run_goes_on_with_its_own_average_alone(run, make_trainer, tmp_path, epochs):
    (tmp_path / "out").mkdir()
    for name in ("model_final.pth", "last_checkpoint"):
        (tmp_path / "out" / name).write_bytes((run[0] / name).read_bytes())
    with pytest.raises(InputError, match=r"started with SOLVER.EMA.EPOCHS 1.0, got"):
        begin(make_trainer, tmp_path / "out", "SOLVER.EMA.EPOCHS", epochs, resume=True)


def test_an_average_of_another_model_is_refused():
    def average(width):
        return WeightAverage(nn.ModuleDict({"heads": nn.Linear(width, 1)}), decay=0.5)

    with pytest.raises(InputError, match="that of another model, they differ in module.heads.weight"):
        average(2).check(average(3).state_dict())


def test_an_architecture_without_the_parts_is_refused(make_cfg):
    from dcac_fastreid.engine.trial_model import check_model

    cfg = changed(make_cfg("baseline/ma_ms.yml"), ["SOLVER.EMA.EPOCHS", 1.0])
    check_model(cfg, training=True)
    cfg = changed(cfg, ["MODEL.META_ARCHITECTURE", "MGN", "MODEL.LOSSES.NAME", ("TripletLoss",), *RESNET])
    with pytest.raises(InputError, match="SOLVER.EMA is on, but MGN"):
        check_model(cfg, training=True)


RESNET = (
    *("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "50x", "MODEL.BACKBONE.FEAT_DIM", 2048),
    *("MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool", "MODEL.HEADS.EMBEDDING_DIM", 256),
)
