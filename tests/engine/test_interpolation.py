"""SOLVER.INTERPOLATE: what the end of a training tests and saves, and what a resumed run goes on with."""

import shutil

import pytest
import torch

import dcac_fastreid
from dcac_fastreid import data
from dcac_fastreid.checkpoint.checkpointer import load_for_testing
from dcac_fastreid.checkpoint.interpolation import weights_hash
from dcac_fastreid.engine.interpolation import Interpolation
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.errors import InputError
from fastreid.evaluation import ReidEvaluator

from . import same_run
from .test_resume import Stop, stopped

OPTS = ("SOLVER.INTERPOLATE.ALPHA", 0.7, "SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_STEPS", 2)
CONFIG = "baseline/ma_ms.yml"


def begin(make_trainer, folder, *opts, config=CONFIG, resume=False):
    trainer = make_trainer(config, *OPTS, "OUTPUT_DIR", str(folder), *opts)
    trainer.resume_or_load(resume=resume)
    return trainer


def encoder(weights):
    return {name.removeprefix("backbone."): weight for name, weight in weights.items() if name.startswith("backbone.")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def run(make_trainer, kept):
    """A finished run, made once: its folder, the encoder that it began with, its last scores."""
    if not (kept / "seen").exists():
        trainer = begin(make_trainer, kept)
        start = {name: weight.clone() for name, weight in trainer.model.backbone.state_dict().items()}
        scores = {name: float(score) for name, score in trainer.train().items() if name != "dataset"}
        torch.save([start, scores], kept / "seen")
    return kept, *torch.load(kept / "seen")


def test_the_last_checkpoint_has_the_interpolated_encoder_and_tells_it(run):
    folder, start, _ = run
    saved = torch.load(folder / "model_final.pth")
    end = encoder(saved["trained"])
    for name, weight in encoder(saved["model"]).items():
        assert torch.allclose(weight, start[name] + 0.7 * (end[name] - start[name]), atol=1e-6), name
    assert not torch.equal(start["tower.proj"], end["tower.proj"])
    assert saved["interpolated"] == {"alpha": 0.7, "start": weights_hash(start), "end": weights_hash(end)}
    assert saved["progress"]["start"] == weights_hash(start)
    as_trained = ("heads.weight", "heads.bottleneck.0.bias")
    assert all(torch.equal(saved["model"][name], saved["trained"][name]) for name in as_trained)
    earlier = torch.load(folder / "model_0000.pth")
    assert earlier.keys() & {"trained", "interpolated"} == set()  # of a training that goes on


def test_the_statistics_are_those_of_a_pass_over_the_training_images(run, make_cfg):
    folder, *_ = run
    cfg = make_cfg(CONFIG, "MODEL.WEIGHTS", str(folder / "model_final.pth"))
    model = load_for_testing(cfg)
    features = []
    with torch.no_grad():
        for batch in data.build_plain_train_loader(cfg, data.build_train_loader(cfg)):
            features.append(model.backbone(model.preprocess_image({"images": batch["images"]})).flatten(1))
    features, neck = torch.cat(features), model.heads.bottleneck[0]
    assert len(features) == 48
    assert torch.allclose(neck.running_mean, features.mean(0), atol=1e-6)
    assert torch.allclose(neck.running_var, features.var(0), rtol=1e-4)
    trained = torch.load(folder / "model_final.pth")["trained"]
    assert not torch.allclose(neck.running_mean, trained["heads.bottleneck.0.running_mean"], atol=1e-3)


def test_a_test_of_the_file_gives_the_scores_of_the_training(run, make_cfg):
    folder, _, scores = run
    cfg = make_cfg(CONFIG, "MODEL.WEIGHTS", str(folder / "model_final.pth"))
    results = dcac_fastreid.DCACTrainer.test(cfg, load_for_testing(cfg))
    assert {name: float(results[name]) for name in scores} == scores


@pytest.mark.parametrize("steps", [4, 6])
def test_a_resumed_run_ends_as_one_that_was_never_stopped(run, make_trainer, tmp_path, steps):
    stopped(begin(make_trainer, tmp_path), Stop("after_step", steps))
    begin(make_trainer, tmp_path, resume=True).train()
    same_run.assert_same(tmp_path, run[0])


def test_a_finished_run_goes_on_from_its_trained_weights(run, make_trainer, tmp_path):
    """Two epochs, interpolated, and a third one: the same as three epochs at once. Its trained weights are those of any run."""
    broken, whole = shutil.copytree(run[0], tmp_path / "broken"), tmp_path / "whole"
    begin(make_trainer, broken, "SOLVER.MAX_EPOCH", 3, resume=True).train()
    begin(make_trainer, whole, "SOLVER.MAX_EPOCH", 3).train()
    same_run.assert_same(broken, whole)
    plain = tmp_path / "plain"
    begin(make_trainer, plain, "SOLVER.MAX_EPOCH", 3, "SOLVER.INTERPOLATE.ALPHA", 1.0).train()
    ends = [torch.load(folder / "model_final.pth") for folder in (plain, whole)]
    assert ends[0].keys() & {"trained", "interpolated"} == set()
    assert same_run.differences({name: ends[0]["model"][name] for name in ends[1]["trained"]}, ends[1]["trained"]) == []


def test_a_finished_run_is_interpolated_anew(run, make_trainer, tmp_path):
    """Resumed with the same alpha, with none, and with the first again."""
    folder = shutil.copytree(run[0], tmp_path / "run")
    begin(make_trainer, folder, resume=True).train()
    same_run.assert_same(folder, run[0])
    begin(make_trainer, folder, "SOLVER.INTERPOLATE.ALPHA", 1.0, resume=True).train()
    saved, before = torch.load(folder / "model_final.pth"), torch.load(run[0] / "model_final.pth")
    assert "interpolated" not in saved
    assert same_run.differences(encoder(saved["model"]), encoder(before["trained"])) == []
    begin(make_trainer, folder, resume=True).train()
    same_run.assert_same(folder, run[0])


def test_dcac_from_another_checkpoint_with_an_average(run, make_trainer, tmp_path):
    """The start is the encoder of MODEL.WEIGHTS, also for a resumed run; the end is the average; the rest is as trained."""
    opts = ("MODEL.WEIGHTS", str(run[0] / "model_final.pth"), "SOLVER.EMA.EPOCHS", 1.0)
    trainer = begin(make_trainer, tmp_path, *opts, config="ma_ma.yml")
    start = encoder(torch.load(run[0] / "model_final.pth")["model"])
    stopped(trainer, Stop("after_step", 5))
    begin(make_trainer, tmp_path, *opts, config="ma_ma.yml", resume=True).train()
    saved = torch.load(tmp_path / "model_final.pth")
    assert saved["interpolated"]["start"] == weights_hash(start)
    end = {name.removeprefix("module."): weight for name, weight in saved["average"].items()}
    for name, weight in encoder(saved["model"]).items():
        assert torch.equal(weight, torch.lerp(start[name], encoder(end)[name], 0.7)), name
    assert any(name.startswith("conditioner.") for name in saved["model"].keys() - saved["trained"].keys())


def test_a_resume_with_another_start_is_refused(run, make_trainer, tmp_path):
    folder = shutil.copytree(run[0], tmp_path / "run")
    with pytest.raises(InputError, match="the run began with another encoder"):
        begin(make_trainer, folder, "MODEL.WEIGHTS", str(run[0] / "model_final.pth"), resume=True)


def test_a_backbone_and_an_architecture_of_fast_reid(make_trainer, make_cfg, tmp_path):
    """Its start are the pre-trained weights as they are built, running statistics of batch normalisation with them."""
    resnet = (
        *(
            "MODEL.BACKBONE.NAME",
            "build_resnet_backbone",
            "MODEL.BACKBONE.DEPTH",
            "18x",
            "MODEL.BACKBONE.FEAT_DIM",
            512,
        ),
        *("MODEL.HEADS.POOL_LAYER", "GlobalAvgPool", "SOLVER.MAX_EPOCH", 1, "MODEL.BACKBONE.PRETRAIN", False),
        *("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("CrossEntropyLoss",)),
        *("INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [64, 32]),
    )
    weights = tmp_path / "imagenet.pth"
    built = dcac_fastreid.DCACTrainer.build_model(make_cfg(CONFIG, *resnet, "MODEL.HEADS.NUM_CLASSES", 8))
    torch.save(built.backbone.state_dict(), weights)
    pretrained = ("MODEL.BACKBONE.PRETRAIN", True, "MODEL.BACKBONE.PRETRAIN_PATH", str(weights))
    begin(make_trainer, tmp_path / "run", *resnet, *pretrained, "SEED", 1).train()
    saved, start = torch.load(tmp_path / "run" / "model_final.pth"), torch.load(weights)
    assert saved["interpolated"]["start"] == weights_hash(start)
    name = "layer1.0.bn1.running_mean"
    expected = torch.lerp(start[name], encoder(saved["trained"])[name], 0.7)
    assert torch.equal(saved["model"][f"backbone.{name}"], expected)


def test_alpha_is_chosen_on_identities_that_are_not_trained_on(make_trainer, make_cfg, tmp_path):
    opts = ("SOLVER.INTERPOLATE.ALPHA", 1.0, "SOLVER.INTERPOLATE.CHOOSE", "source", "SOLVER.MAX_EPOCH", 1)
    trainer = begin(make_trainer, tmp_path, *opts)
    assert trainer.data_loader.dataset.num_classes == 6  # of 8
    trainer.train()
    told = torch.load(tmp_path / "model_final.pth")["interpolated"]
    assert list(told["validation"]) == ["0.3", "0.5", "0.7", "0.85", "1"]
    best = max(told["validation"].values())
    assert told["alpha"] == max(float(alpha) for alpha, score in told["validation"].items() if score == best)
    cfg = make_cfg(CONFIG, *opts, "MODEL.WEIGHTS", str(tmp_path / "model_final.pth"))
    ((loader, num_query),) = data.build_validation_loaders(cfg)
    evaluator, model = ReidEvaluator(cfg, num_query), load_for_testing(cfg)
    with torch.no_grad():
        for batch in loader:
            evaluator.process(batch, model(batch))
    assert float(evaluator.evaluate()["mAP"]) == pytest.approx(best)


def test_of_equal_scores_the_largest_alpha_is_chosen(make_cfg):
    model = dcac_fastreid.DCACTrainer.build_model(make_cfg(CONFIG, "MODEL.HEADS.NUM_CLASSES", 8))
    start = {name: torch.zeros_like(weight) for name, weight in model.backbone.state_dict().items()}
    end = model.backbone.tower.proj.detach().clone()
    scores = {0.0: 1.0, 0.5: 2.0, 1.0: 2.0, 0.25: 0.0}
    seen = []

    def score(model):
        seen.append(float((model.backbone.tower.proj / end).median()))
        return scores[seen[-1]]

    told = Interpolation(start, list(scores), lambda model: None, score).apply(model)
    assert told["alpha"] == 1.0 and seen == [0.0, 0.25, 0.5, 1.0]
    assert torch.equal(model.backbone.tower.proj, end)


@pytest.mark.parametrize(
    ("opts", "sentence"),
    [
        (("SOLVER.INTERPOLATE.CHOOSE", "source"), "ALPHA is 0.7 and CHOOSE 'source'"),
        (("MODEL.BACKBONE.PRETRAIN", False), "the encoder begins with random weights"),
    ],
)
def test_settings_that_do_not_fit_each_other(make_cfg, opts, sentence):
    with pytest.raises(InputError, match=sentence):
        check_settings(make_cfg(CONFIG, "SOLVER.INTERPOLATE.ALPHA", 0.7, *opts), training=True, processes=1)


@pytest.mark.parametrize("alpha", ["nan", "-0.1", "1.5", "None", "inf", "''", "[0.5]"])
def test_what_is_no_alpha(make_cfg, alpha):
    with pytest.raises(InputError, match=r"SOLVER.INTERPOLATE.ALPHA is .*; expected a number from 0 to 1"):
        make_cfg(CONFIG, "SOLVER.INTERPOLATE.ALPHA", alpha)


def test_what_is_no_way_to_choose(make_cfg):
    with pytest.raises(InputError, match=r"CHOOSE is 'target'; known are '', source"):
        make_cfg(CONFIG, "SOLVER.INTERPOLATE.CHOOSE", "target")
