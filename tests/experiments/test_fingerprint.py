"""A finished run is found again by its settings, whatever keys are added later."""

import json

import pytest

from dcac_fastreid.config import values
from dcac_fastreid.config.our_keys import OUR_KEYS, Key
from dcac_fastreid.config.rules import number
from dcac_fastreid.experiments.runs import make_run


@pytest.fixture
def make(configs, tmp_path):
    """A run on the paper's data sets, which is not trained."""
    on_cpu = ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False]
    return lambda *opts, row="baseline": make_run(configs, tmp_path, row, "MA", 0, [*on_cpu, *opts])


@pytest.fixture
def added_key(monkeypatch):
    """Adds a key of which nobody has heard, SOLVER.NEW, 1.0 by default."""

    def add():
        key = Key("SOLVER.NEW", 1.0, number(0))
        monkeypatch.setattr(values, "OUR_KEYS", (*OUR_KEYS, key))
        monkeypatch.setitem(values.RULES, key.name, key.rule)

    return add


def finish(folder):
    content = {"row": "baseline", "source": "MA", "seed": 0, "scores": {}, "seconds": 1.0, "telemetry": {}}
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(content))


def test_a_finished_run_is_found_after_a_key_was_added(make, added_key):
    finish(make().folder)
    added_key()
    assert make().result() and make("SOLVER.NEW", 1).result() and make("SOLVER.BASE_LR", 5e-6).result()
    assert make("SOLVER.NEW", 0.5).result() is None


@pytest.mark.parametrize("row, name", [("baseline", "b4c65d2dc6"), ("dcac", "fcd1199842"), ("rank16", "ed612754ae")])
def test_runs_of_before_defaults_were_left_out_are_found(make, tmp_path, added_key, row, name):
    """Their names, as commit 28b0f85 gave them."""
    finish(tmp_path / row / f"MA/seed0-{name}")
    added_key()
    assert make(row=row).result() and make(row=row).folder.name == f"seed0-{name}"
    assert make("SOLVER.NEW", 0.5, row=row).result() is None
    assert make("SOLVER.BASE_LR", 1e-5, row=row).result() is None


def test_a_default_that_changes_changes_no_name(make, monkeypatch):
    before = make("MODEL.LOSSES.PCL.MOMENTUM", 0.2).key, make("MODEL.LOSSES.PCL.MOMENTUM", 0.5).key
    keys = [Key(key.name, 0.5, key.rule) if key.name == "MODEL.LOSSES.PCL.MOMENTUM" else key for key in OUR_KEYS]
    monkeypatch.setattr(values, "OUR_KEYS", tuple(keys))
    assert before == (make("MODEL.LOSSES.PCL.MOMENTUM", 0.2).key, make("MODEL.LOSSES.PCL.MOMENTUM", 0.5).key)
    assert before[0] != before[1]
