"""Real trainings with telemetry: they stay the same, and what is logged, when, and what is said."""

import json
import statistics
import time
from pathlib import Path

import pytest
import torch

from dcac_fastreid.errors import InputError

CONDITIONER = "MODEL.DCAC.CONDITIONER."
TELEMETRY = "MODEL.DCAC.TELEMETRY"
ALL = {
    *("noise_loss_0_250", "noise_loss_250_500", "noise_loss_500_750", "noise_loss_750_1000"),
    *("condition_entropy", "condition_top1", "prompts_displacement", "lora_displacement"),
    *("reid_gradient", "diffusion_gradient", "gradient_ratio", "gradient_cosine", "classifier_share"),
    "encoder_displacement",
}
BANDS = ("0_250", "250_500", "500_750", "750_1000")
HELD_OUT = {  # after an epoch
    *("condition_value", "condition_value_identity", "condition_value_none"),
    *(f"condition_value_{band}" for band in BANDS),
    *(f"held_out_loss_{name}" for name in ("own", "identity", "anothers", "none")),
}
pytestmark = pytest.mark.usefixtures("few_draws")
BF16 = ("SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")


def trained(make_trainer, config, *opts):
    trainer = make_trainer(config, "TEST.EVAL_PERIOD", 0, *opts)
    trainer.resume_or_load(resume=False)
    trainer.train()
    return trainer


def logged(trainer) -> dict[str, list]:
    """The telemetry by name: (value, step) of every sample."""
    prefix = "telemetry/"
    histories = trainer.storage.histories().items()
    return {name.removeprefix(prefix): h.values() for name, h in histories if name.startswith(prefix)}


@pytest.mark.parametrize(
    "config, opts",
    [
        pytest.param("ma_ms.yml", (), marks=pytest.mark.slow),  # as in parts, below
        pytest.param("ma_ms.yml", (CONDITIONER + "PROBS", "both"), marks=pytest.mark.slow),
        pytest.param("ma_ms.yml", (CONDITIONER + "NAME", "InstanceWiseConditioner"), marks=pytest.mark.slow),
        ("ma_ms.yml", ("SOLVER.MICRO_BATCH", 5)),
        pytest.param("ma_ms.yml", BF16, marks=pytest.mark.slow),
        ("baseline/ma_ms.yml", ()),
    ],
    ids=["correlation-aware", "both", "instance-wise", "micro-batches", "bf16", "baseline"],
)
def test_the_training_stays_the_same_to_the_bit(make_trainer, config, opts):
    # a high rate, so that the gradients of both branches reach the next step's losses
    runs = [trained(make_trainer, config, *opts, TELEMETRY, period, "SOLVER.BASE_LR", 0.01) for period in (0, 1)]
    weights = [run.model.state_dict() for run in runs]
    assert weights[0].keys() == weights[1].keys()
    assert [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])] == []
    losses = [run.storage.history("total_loss").values() for run in runs]
    assert losses[0] == losses[1] and len(losses[0]) == 3
    assert not logged(runs[0]) and logged(runs[1])


def test_every_nth_step_is_logged(make_trainer):
    trainer = trained(make_trainer, "ma_ms.yml", TELEMETRY, 2, "SOLVER.MAX_EPOCH", 2)  # 6 steps
    found = logged(trainer)
    assert set(found) <= ALL | HELD_OUT
    assert set(found) >= {name for name in ALL | HELD_OUT if not name.startswith("noise_loss")}
    assert [step for _, step in found["gradient_ratio"]] == [0, 2, 4]
    assert found["lora_displacement"][0][0] == 0 < found["lora_displacement"][-1][0]
    lines = [json.loads(line) for line in (Path(trainer.cfg.OUTPUT_DIR) / "metrics.json").read_text().splitlines()]
    samples = {line["iteration"]: line for line in lines if "telemetry/gradient_ratio" in line}
    # as it is, no median: the displacement grows with every step
    assert samples[4]["telemetry/prompts_displacement"] == found["prompts_displacement"][-1][0]


def test_the_baseline_logs_what_it_has(make_trainer):
    found = logged(trained(make_trainer, "baseline/ma_ms.yml", TELEMETRY, 1))
    assert set(found) == {"reid_gradient", "encoder_displacement"} and len(found["reid_gradient"]) == 3


def test_a_dead_feedback_is_said_once(make_trainer, caplog):
    cut = (CONDITIONER + "NAME", "ClassWiseConditioner", CONDITIONER + "RESCALE", True, "SOLVER.MAX_EPOCH", 2)
    trainer = trained(make_trainer, "ma_ms.yml", TELEMETRY, 1, *cut)
    assert [value for value, _ in logged(trainer)["diffusion_gradient"]] == [0] * 6
    assert caplog.text.count("The diffusion feedback is dead") == 1


def test_a_resumed_run_logs_what_the_unbroken_one_does(make_trainer, tmp_path):
    opts = ("TEST.EVAL_PERIOD", 0, TELEMETRY, 1, "SOLVER.STEPS", [1])
    unbroken = trained(
        make_trainer, "ma_ms.yml", *opts, "SOLVER.MAX_EPOCH", 2, "OUTPUT_DIR", str(tmp_path / "unbroken")
    )
    trained(make_trainer, "ma_ms.yml", *opts, "SOLVER.MAX_EPOCH", 1)
    resumed = make_trainer("ma_ms.yml", *opts, "SOLVER.MAX_EPOCH", 2)
    resumed.resume_or_load(resume=True)
    resumed.train()
    assert logged(resumed) == logged(unbroken)


def test_the_encoder_moves_from_the_checkpoint_that_the_run_began_with(make_trainer, tmp_path, monkeypatch):
    """Also after a resume; where that checkpoint is gone, the run goes on without the number, and says so."""
    start = make_trainer("baseline/ma_ms.yml", "OUTPUT_DIR", str(tmp_path / "start"))
    with torch.no_grad():
        start.model.backbone.tower.proj.add_(1.0)
    file = tmp_path / "start.pth"
    torch.save({"model": start.model.state_dict()}, file)
    opts = ("MODEL.WEIGHTS", str(file), "TEST.EVAL_PERIOD", 0, TELEMETRY, 1, "OUTPUT_DIR", str(tmp_path / "run"))

    def displacements(epochs):
        trainer = make_trainer("baseline/ma_ms.yml", *opts, "SOLVER.MAX_EPOCH", epochs)
        trainer.resume_or_load(resume=epochs > 1)
        trainer.train()
        return [value for value, _ in logged(trainer).get("encoder_displacement", ())]

    first = displacements(1)
    assert first[0] == 0 < first[1] < 0.1
    second = displacements(2)
    assert second[:3] == first and first[2] < second[3] < 0.1
    torch.save({"model": {"another": torch.zeros(1)}}, file)  # the encoder as it is built, which is another one
    said = []
    monkeypatch.setattr("dcac_fastreid.engine.start.logger.warning", said.append)
    assert displacements(3) == second
    assert len(said) == 1 and said[0].startswith(
        "How far the encoder has moved is not measured: the run began with another"
    )


@pytest.mark.parametrize(
    "opts, message",
    [
        ((TELEMETRY, -1), "MODEL.DCAC.TELEMETRY is -1; expected a whole number, 0 or more"),
        (
            (TELEMETRY, 5, "MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("TripletLoss",)),
            "5, which Baseline does not offer",
        ),
        ((TELEMETRY, 5, "MODEL.FREEZE_LAYERS", ["heads"]), r"FREEZE_LAYERS holds \(heads\)"),
    ],
)
def test_settings_that_cannot_be(make_trainer, opts, message):
    with pytest.raises(InputError, match=message):
        make_trainer("baseline/ma_ms.yml", *opts)


@pytest.mark.slow
def test_it_costs_less_than_three_percent(make_trainer):
    """Of every 50 steps one is sampled; so a sampled step may take 2.5 times as long as an ordinary one. In turns."""
    trainer = make_trainer("ma_ms.yml", TELEMETRY, 2, "TEST.EVAL_PERIOD", 0, "SOLVER.MAX_EPOCH", 20)
    durations, before, after = [], trainer.before_step, trainer.after_step

    def begin():
        durations.append(-time.perf_counter())
        before()

    def end():
        after()
        durations[-1] += time.perf_counter()

    trainer.before_step, trainer.after_step = begin, end
    trainer.train()
    sampled, ordinary = (statistics.median(durations[start::2]) for start in (6, 7))
    overhead = (sampled / ordinary - 1) / 50
    print(f"sampled {sampled * 1000:.1f} ms, ordinary {ordinary * 1000:.1f} ms, every 50 steps {overhead:.2%}")
    assert overhead < 0.03
