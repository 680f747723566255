"""model_best: kept where a run is tested on its own sources, and across a resume."""

from pathlib import Path

import torch
from torch import nn

from fastreid.utils.checkpoint import Checkpointer, PeriodicCheckpointer


def train(trainer, resume=False):
    trainer.resume_or_load(resume=resume)
    return trainer.train()


def best(trainer) -> dict:
    return torch.load(Path(trainer.cfg.OUTPUT_DIR) / "model_best.pth")


def test_fast_reid_alone_forgets_the_best_when_resumed(tmp_path):
    checkpointer = Checkpointer(nn.Linear(1, 1), str(tmp_path))
    PeriodicCheckpointer(checkpointer, period=1, max_epoch=4).step(0, metric=90.0)
    PeriodicCheckpointer(checkpointer, period=1, max_epoch=4).step(1, metric=50.0)  # a resumed run makes a new one
    assert torch.load(tmp_path / "model_best.pth")["metric"] == 50.0


def test_the_best_evaluation_is_kept(make_trainer):
    trainer = make_trainer("baseline/ma_ma.yml", "SOLVER.MAX_EPOCH", 3)
    seen = []
    test = trainer.test
    trainer.test = lambda *args: seen.append(test(*args)) or seen[-1]
    train(trainer)
    metrics = [result["metric"] for result in seen]
    assert len(metrics) == 3 and best(trainer)["metric"] == max(metrics)
    assert best(trainer)["epoch"] == metrics.index(max(metrics))
    assert (Path(trainer.cfg.OUTPUT_DIR) / "last_checkpoint").read_text() == "model_final.pth"


def test_a_resumed_run_does_not_replace_a_better_one(make_trainer):
    trainer = make_trainer("baseline/ma_ma.yml", "SOLVER.MAX_EPOCH", 1)
    train(trainer)
    torch.save({**best(trainer), "metric": 100.5}, Path(trainer.cfg.OUTPUT_DIR) / "model_best.pth")
    train(make_trainer("baseline/ma_ma.yml", "SOLVER.MAX_EPOCH", 2), resume=True)
    assert best(trainer)["metric"] == 100.5
    train(make_trainer("baseline/ma_ma.yml", "SOLVER.MAX_EPOCH", 1))
    assert best(trainer)["metric"] < 100, "a run from the start does not look at an earlier one"
    never = ("SOLVER.MAX_EPOCH", 1, "TEST.EVAL_PERIOD", 0)
    train(make_trainer("baseline/ma_ma.yml", *never))
    assert not (Path(trainer.cfg.OUTPUT_DIR) / "model_best.pth").exists(), "nor leave it there"


def test_nothing_is_selected_on_a_target(make_trainer):
    trainer = make_trainer("baseline/ma_d.yml", "SOLVER.MAX_EPOCH", 2)
    train(trainer)
    files = sorted(file.name for file in Path(trainer.cfg.OUTPUT_DIR).glob("*.pth"))
    assert files == ["model_0000.pth", "model_final.pth"]
