"""What a test set's metric has picked says so: in the checkpoint, what is trained from it, what is exported, and its results."""

import logging
from pathlib import Path

import pytest
import torch

from dcac_fastreid import DCACTrainer, load_for_testing
from dcac_fastreid.checkpoint import marks
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.checkpoint.selection import UNKNOWN, selected_on

MARKET, DUKE = "DG_Market1501", "DG_DukeMTMC"


@pytest.fixture
def logged(caplog):
    """What the package and fast-reid's checkpointer warn of."""
    loggers = [logging.getLogger(name) for name in ("fastreid.dcac", "fastreid.utils.checkpoint")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    # Each record once: where the loggers propagate, the handler is met a second time at the root.
    yield lambda: [record.getMessage() for record in dict.fromkeys(caplog.records) if record.levelno == logging.WARNING]
    for logger in loggers:
        logger.removeHandler(caplog.handler)


@pytest.fixture
def saved(tmp_path):
    """saved(name, **entries): a checkpoint without weights."""

    def saved(name, **entries) -> str:
        torch.save({"model": {}, **entries}, tmp_path / name)
        return str(tmp_path / name)

    return saved


def train(trainer) -> Path:
    trainer.resume_or_load(resume=False)
    trainer.train()
    return Path(trainer.cfg.OUTPUT_DIR)


def test_only_the_data_set_that_picked_is_touched(saved):
    (mark,) = marks(saved("some.pth", selected_on=[DUKE]), (MARKET, DUKE))
    assert mark.startswith(f"{DUKE}: ") and "own test metric" in mark


@pytest.mark.parametrize(
    "picked_by, test",
    [
        ("MSMT17", "DG_MSMT17"),
        ("DG_CUHK03NP", "DG_CUHK03NPLabeled"),
        ("CUHK03", "DG_CUHK03NP"),
        ("DG_CUHK03NPLabeled", "CUHK03"),
    ],
)
def test_the_same_people_by_another_name_are_touched(saved, picked_by, test):
    assert len(marks(saved("some.pth", selected_on=[picked_by]), (test,))) == 1


def test_fast_reids_own_best_is_picked_by_an_unknown_test_set(saved):
    found = marks(saved("model_best.pth", metric=50.0), (MARKET, DUKE))
    assert [mark.partition(":")[0] for mark in found] == [MARKET, DUKE] and "does not tell" in found[0]


def test_the_last_epoch_and_no_checkpoint_have_no_mark(saved):
    for weights in (saved("model_final.pth", metric=50.0), "", "none/model_best.pth"):
        assert marks(weights, (MARKET, DUKE)) == []


def test_our_best_tells_who_picked_it_and_hands_it_on(make_trainer, make_cfg, tmp_path, logged):
    """To what is trained from it, to the exported encoder, and to the results of each."""
    out = train(make_trainer("baseline/ma_ma.yml"))
    best = str(out / "model_best.pth")
    assert selected_on(best) == [MARKET] and selected_on(str(out / "model_final.pth")) == []
    assert logged() == []

    opts = ("MODEL.WEIGHTS", best, "DATASETS.TESTS", (DUKE, MARKET), "OUTPUT_DIR", str(tmp_path / "next"))
    further = train(make_trainer("baseline/ma_d.yml", *opts))
    assert selected_on(str(further / "model_final.pth")) == [MARKET]
    loaded, *of_results = logged()
    assert loaded.startswith(f"{best} was picked by a test metric, data set: {MARKET}")
    assert of_results == marks(best, (MARKET,)), "one sentence for the one data set that it touches"

    cfg = make_cfg("baseline/ma_ma.yml", "MODEL.WEIGHTS", best)
    export_weights(cfg, tmp_path / "exported")
    encoder = str(tmp_path / "exported" / "encoder.safetensors")
    assert selected_on(encoder) == [MARKET]
    cfg = make_cfg("baseline/ma_ma.yml", "MODEL.WEIGHTS", encoder)
    before = len(logged())
    DCACTrainer.test(cfg, load_for_testing(cfg))
    assert logged()[before:][-1] == marks(best, (MARKET,))[0]


def test_an_unknown_choice_is_handed_on_too(make_trainer, tmp_path):
    out = train(make_trainer("baseline/ma_d.yml"))
    file = tmp_path / "model_best.pth"
    (out / "model_final.pth").rename(file)
    opts = ("MODEL.WEIGHTS", str(file), "OUTPUT_DIR", str(tmp_path / "next"))
    assert selected_on(str(train(make_trainer("baseline/ma_d.yml", *opts)) / "model_final.pth")) == [UNKNOWN]
