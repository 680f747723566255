"""A run with the settings of the authors' code, whose epochs differ in length: stopped and resumed, it ends to the bit the same."""

import json
import logging

import pytest
import torch
import yaml

from . import same_run
from .test_resume import Stop, stopped


@pytest.fixture(scope="module")
def opts(configs):
    """The authors' settings as KEY VALUE pairs; 4 identities of 2 images a batch: epochs of 5 or 6 steps on `tiny_data`."""
    base = yaml.safe_load((configs / "authors" / "base.yml").read_text())
    base["SOLVER"].pop("AMP")  # fp16 needs a GPU

    def pairs(node, prefix=""):
        for key, value in node.items():
            yield from pairs(value, f"{prefix}{key}.") if isinstance(value, dict) else (f"{prefix}{key}", value)

    base.pop("_BASE_")
    return (
        *pairs(base), "SOLVER.IMS_PER_BATCH", 8, "DATALOADER.NUM_INSTANCE", 2, "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1],
        "SOLVER.CHECKPOINT_STEPS", 1, "SEED", 7, "MODEL.DCAC.CONDITIONER.TRANSFORM", "condition_net", "OUTPUT_DIR",
    )  # fmt: skip


@pytest.fixture
def begin(make_trainer, opts):
    def begin(folder, resume, *more):
        trainer = make_trainer("ma_ma.yml", *opts, str(folder), *more)
        trainer.resume_or_load(resume=resume)
        return trainer

    return begin


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tmp_path_factory.mktemp("whole") / "run"


def steps_of_run(folder):
    """By epoch, each of which ends with a line."""
    ends = [json.loads(line)["iteration"] + 1 for line in (folder / "metrics.json").read_text().splitlines()]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


@pytest.mark.parametrize("stop", [8, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (2, 5, 6, 10))])
def test_stopped_after_any_step(begin, whole, tmp_path, stop):
    if not whole.exists():
        trainer = begin(whole, False)
        trainer.train()
        assert steps_of_run(whole) == [5, 6] and trainer.iter == trainer.max_iter == 11
    stopped(begin(tmp_path / "broken", False), Stop("after_step", stop))
    torch.manual_seed(5)
    trainer = begin(tmp_path / "broken", True)
    assert 0 < trainer.progress.steps <= stop
    trainer.train()
    same_run.assert_same(tmp_path / "broken", whole)


def test_checkpoints_hold_the_biases_and_no_frozen_weight(begin, tmp_path):
    trainer = begin(tmp_path / "run", False, "SOLVER.MAX_EPOCH", 1)
    trainer.train()
    model = torch.load(tmp_path / "run" / "model_final.pth")["model"]
    unet = [key for key in model if key.startswith("feedback.denoiser.unet.")]
    biases = [key for key in unet if ".lora_" not in key]
    assert biases and all(
        key.endswith(("to_q.base_layer.bias", "to_k.base_layer.bias", "to_v.base_layer.bias")) for key in biases
    )


def test_a_run_with_other_epochs_is_no_continuation(begin, tmp_path):
    stopped(begin(tmp_path / "run", False), Stop("after_step", 3))
    sampler = "DATALOADER.SAMPLER_TRAIN"
    with pytest.raises(ValueError, match=r"an epoch of the run has \[\d\] steps, with this config 6; .*SAMPLER_TRAIN"):
        begin(tmp_path / "run", True, sampler, "NaiveIdentitySampler")


def test_the_log_names_the_lengths_of_the_epochs(begin, tmp_path, caplog):
    logger = logging.getLogger("fastreid.dcac")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    trainer = begin(tmp_path / "run", False)
    logger.removeHandler(caplog.handler)
    (line,) = {record.getMessage() for record in caplog.records if record.getMessage().startswith("Epochs of")}
    assert line == f"Epochs of 5 to 6 steps, {trainer.max_iter} in all, as the sampler draws them"
