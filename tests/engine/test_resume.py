"""A run that was stopped and resumed ends as one that was never stopped: to the bit, on the CPU."""

import logging
import shutil
from pathlib import Path

import pytest
import torch

from dcac_fastreid.engine.hooks import LastEpochCheckpointer
from dcac_fastreid.engine.resume import cut_lines
from fastreid.engine import HookBase
from fastreid.utils.events import EventStorage

from . import same_run

OPTS = ("SOLVER.MAX_EPOCH", 3, "SOLVER.STEPS", [1], "SOLVER.CHECKPOINT_STEPS", 1)  # 3 epochs of 3 steps
CONFIGS = {"baseline": "baseline/ma_ma.yml", "dcac": "ma_ma.yml", "view": "ma_ma.yml", "drawing": "baseline/ma_ma.yml"}
MORE = {"view": ("MODEL.DCAC.CONDITIONER.VIEW", "camera")}  # draws once more in each step


class Stopped(Exception):
    pass


class Stop(HookBase):
    """Stops the run when `count` of its calls of one kind are done."""

    def __init__(self, kind: str, count: int):
        self._left = count
        setattr(self, kind, self._call)

    def _call(self):
        self._left -= 1
        if not self._left:
            raise Stopped


def stopped(trainer, stop: Stop, place=len) -> None:
    """Trains until the hook `stop` stops the run; it stands at place(hooks), by default behind all others."""
    stop.trainer = trainer
    trainer._hooks.insert(place(trainer._hooks), stop)
    with pytest.raises(Stopped):
        trainer.train()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Folders of runs that were never stopped, by architecture."""
    return {}


@pytest.fixture
def train(make_trainer, tmp_path, unbroken, tmp_path_factory):
    """train(name, stop): a run that is stopped and resumed, if stop is given; returns its folder."""

    def train(name, stop=None, place=len):
        folder = tmp_path / ("broken" if stop else "whole")

        def begin(resume):
            trainer = make_trainer(CONFIGS[name], *OPTS, *MORE.get(name, ()), "OUTPUT_DIR", str(folder))
            if name == "drawing":  # a backbone with dropout, which draws from PyTorch's global generator
                trainer.model.backbone.register_forward_hook(
                    lambda module, _, features: torch.nn.functional.dropout(features, 0.2, module.training)
                )
            trainer.resume_or_load(resume=resume)
            return trainer

        trainer = begin(resume=False)
        if not stop:
            trainer.train()
            return folder
        stopped(trainer, stop, place)
        torch.manual_seed(5)  # a new process has other random numbers
        begin(resume=True).train()
        return folder

    def pair(name, *stop):
        if name not in unbroken:
            whole = train(name)
            unbroken[name] = shutil.copytree(whole, tmp_path_factory.mktemp("whole") / "run")
        same_run.assert_same(train(name, *stop), unbroken[name])

    return pair


def behind_the_checkpointer(hooks):
    return 1 + next(n for n, hook in enumerate(hooks) if isinstance(hook, LastEpochCheckpointer))


@pytest.mark.parametrize(("name", "steps"), [pytest.param("view", 4, marks=pytest.mark.slow), ("drawing", 2)])
def test_stopped_after_a_step(train, name, steps):
    """In the first epoch, and behind the first step of the second one."""
    train(name, Stop("after_step", steps))


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("steps", range(1, 9))
def test_stopped_after_any_step(train, name, steps):
    train(name, Stop("after_step", steps))


def test_stopped_between_the_checkpoint_of_an_epoch_and_its_evaluation(train):
    train("baseline", Stop("after_epoch", 2), behind_the_checkpointer)


def test_stopped_when_an_epoch_is_all_done(train):
    train("baseline", Stop("after_epoch", 2))


def test_stopped_after_the_last_checkpoint(train):
    """The finished run lacks its last evaluation; resumed, it makes it and ends."""
    train("baseline", Stop("after_epoch", 3), behind_the_checkpointer)


def test_resuming_a_finished_run_changes_nothing(make_trainer, tmp_path):
    opts = ("SOLVER.MAX_EPOCH", 2, "OUTPUT_DIR", str(tmp_path / "run"))
    for resume in (False, True):
        trainer = make_trainer("baseline/ma_ma.yml", *opts)
        trainer.resume_or_load(resume=resume)
        results = trainer.train()
        assert 0 < results["mAP"] <= 100
        if not resume:
            shutil.copytree(tmp_path / "run", tmp_path / "before")
    same_run.assert_same(tmp_path / "run", tmp_path / "before")


def test_a_damaged_newest_checkpoint_costs_no_exactness(make_trainer, tmp_path):
    """The run goes on from the checkpoint before it."""
    opts = ("SOLVER.MAX_EPOCH", 3, "SOLVER.STEPS", [1], "OUTPUT_DIR")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    trainer = make_trainer("baseline/ma_ma.yml", *opts, str(whole))
    trainer.resume_or_load(resume=False)
    trainer.train()
    shutil.copytree(whole, broken)
    (broken / "model_final.pth").write_bytes((whole / "model_final.pth").read_bytes()[:1000])
    trainer = make_trainer("baseline/ma_ma.yml", *opts, str(broken))
    trainer.resume_or_load(resume=True)
    assert trainer.progress.steps == 6
    trainer.train()
    same_run.assert_same(broken, whole)


def test_another_seed_or_batch_is_no_continuation(make_trainer):
    trainer = make_trainer("baseline/ma_ms.yml", *OPTS)
    trainer.resume_or_load(resume=False)
    stopped(trainer, Stop("after_step", 2))
    with pytest.raises(ValueError, match="started with SEED 0, got 3.*add SEED 0"):
        make_trainer("baseline/ma_ms.yml", *OPTS, "SEED", 3).resume_or_load(resume=True)
    with pytest.raises(ValueError, match="an epoch of the run has 3 steps, with this config 6"):
        make_trainer("baseline/ma_ms.yml", *OPTS, "SOLVER.IMS_PER_BATCH", 8).resume_or_load(resume=True)


def test_a_checkpoint_after_so_many_steps_may_end_an_epoch(make_trainer, tmp_path):
    """Also where no checkpoint of an epoch is due."""
    opts = ("SOLVER.MAX_EPOCH", 3, "SOLVER.CHECKPOINT_PERIOD", 0, "SOLVER.CHECKPOINT_STEPS", 3, "OUTPUT_DIR")
    trainer = make_trainer("baseline/ma_ms.yml", *opts, str(tmp_path / "broken"))
    stopped(trainer, Stop("after_step", 8))
    for folder, resume in (("broken", True), ("whole", False)):
        trainer = make_trainer("baseline/ma_ms.yml", *opts, str(tmp_path / folder))
        trainer.resume_or_load(resume=resume)
        assert trainer.progress.steps == (6 if resume else 0)
        trainer.train()
    same_run.assert_same(tmp_path / "broken", tmp_path / "whole")


def test_scaler_and_noise_are_put_back(make_trainer):
    opts = ("SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")
    trainer = make_trainer("ma_ms.yml", *opts)
    trainer._trainer.set_dtype(torch.float16)
    trainer.resume_or_load(resume=False)
    trainer.train()
    trainer.grad_scaler.update(512.0)
    with EventStorage(trainer.iter - 1) as trainer.storage:
        state = trainer.progress.state_dict()
    other = make_trainer("ma_ms.yml", *opts)
    other._trainer.set_dtype(torch.float16)
    other.progress.load_state_dict(state)
    with EventStorage(0) as other.storage:
        other.progress.restore()
    assert other.grad_scaler.get_scale() == 512.0
    assert torch.equal(other.model.feedback.generator.get_state(), trainer.model.feedback.generator.get_state())
    assert torch.equal(torch.get_rng_state(), state["random"]["torch"])


def test_a_run_that_goes_on_on_another_device_says_so(make_trainer, caplog):
    trainer = make_trainer("ma_ms.yml")
    trainer.resume_or_load(resume=False)
    trainer.train()
    with EventStorage(trainer.iter - 1) as trainer.storage:
        state = {**trainer.progress.state_dict(), "device": "cuda", "noise": torch.zeros(16, dtype=torch.uint8)}
    trainer.progress.load_state_dict(state)
    logging.getLogger("fastreid.dcac").addHandler(caplog.handler)
    with EventStorage(0) as trainer.storage:
        trainer.progress.restore()
    logging.getLogger("fastreid.dcac").removeHandler(caplog.handler)
    assert "The run was on cuda, it goes on on cpu" in caplog.text


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_anew(make_trainer, tmp_path):
    """Its lines in metrics.json do not stay before those of the new beginning."""
    opts = ("SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_PERIOD", 2, "OUTPUT_DIR")
    trainer = make_trainer("baseline/ma_ms.yml", *opts, str(tmp_path / "broken"))
    stopped(trainer, Stop("after_step", 5))
    for folder, resume in (("broken", True), ("whole", False)):
        trainer = make_trainer("baseline/ma_ms.yml", *opts, str(tmp_path / folder))
        trainer.resume_or_load(resume=resume)
        trainer.train()
    same_run.assert_same(tmp_path / "broken", tmp_path / "whole")


def test_a_checkpoint_that_does_not_tell_where_its_run_stands_is_none_to_resume(make_trainer, tmp_path):
    trainer = make_trainer("baseline/ma_ms.yml", *OPTS)
    torch.save({"model": trainer.model.state_dict(), "epoch": 0}, tmp_path / "out" / "model_0000.pth")
    (tmp_path / "out" / "last_checkpoint").write_text("model_0000.pth")
    with pytest.raises(ValueError, match="does not tell where its run stands"):
        trainer.resume_or_load(resume=True)


def test_lines_past_the_checkpoint_are_cut(tmp_path):
    file = tmp_path / "metrics.json"
    lines = ['{"iteration": 2, "loss": 1}\n', '{"iteration": 5, "loss": 2}\n', '{"iteration": 8, "loss": 3}\n']
    file.write_text("".join(lines) + '{"iteration": 9, "lo')
    cut_lines(str(file), 5)
    assert file.read_text() == "".join(lines[:2])
    Path(file).write_text("".join(lines[:1]) + '{"iteration": 4')
    cut_lines(str(file), 5)
    assert file.read_text() == lines[0]
