"""A finished run is found again by its settings, whatever keys are added later."""

import json

import pytest

from dcac_fastreid.config import add_dcac_config, leaves, values
from dcac_fastreid.config.our_keys import OUR_KEYS, Key
from dcac_fastreid.config.rules import number
from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.fingerprint import FIRST_DEFAULTS, LATER_DEFAULTS
from dcac_fastreid.experiments.runs import make_run
from dcac_fastreid.synthetic import data_set
from fastreid.config import get_cfg


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
    content |= {"stamp": {}, "marks": {}}
    folder.mkdir(parents=True, exist_ok=True)
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


@pytest.mark.parametrize(
    "name, value", [("source", "D"), ("seed", 1), ("fingerprint", "0123456789"), ("data_seed", 1), ("data_seed", None)]
)
def test_a_kept_result_of_another_run_is_refused(configs, tmp_path, name, value):
    run = make_run(configs / "synthetic", tmp_path / "output", "baseline", "MA", 0, [], tmp_path / "kept")
    finish(tmp_path)
    content = json.loads((tmp_path / "result.json").read_text())
    content |= {"data_seed": 0, "fingerprint": run.key.rpartition("-")[2]}
    file = tmp_path / f"kept/baseline/{run.key}.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(content))
    assert run.result()
    file.write_text(json.dumps({**content, name: value}))
    with pytest.raises(InputError, match=f"is of another run: its {name} is '?{value}'?, expected"):
        run.result()


@pytest.mark.parametrize("name, default", [("MODEL.LOSSES.PCL.MOMENTUM", 0.2), ("SOLVER.INTERPOLATE.ALPHA", 1.0)])
def test_a_default_that_changes_changes_no_name(make, monkeypatch, name, default):
    before = make(name, default).key, make(name, 0.5).key
    keys = [Key(key.name, 0.5, key.rule) if key.name == name else key for key in OUR_KEYS]
    monkeypatch.setattr(values, "OUR_KEYS", tuple(keys))
    assert before == (make(name, default).key, make(name, 0.5).key)
    assert before[0] != before[1]


def test_each_key_has_its_frozen_default():
    """A key without one is to be entered in later_defaults.json; without it, a change of its default renames finished runs."""
    cfg = get_cfg()
    add_dcac_config(cfg)
    first, later = (json.loads(file.read_text()) for file in (FIRST_DEFAULTS, LATER_DEFAULTS))
    assert {name for name, _ in leaves(cfg)} == first.keys() | later.keys()
    assert not first.keys() & later.keys()


@pytest.mark.parametrize("row, digits", [("baseline", "a0d5c7af21"), ("dcac", "fd67f0fd29")])
def test_first_names_on_synthetic_data(configs, tmp_path, monkeypatch, row, digits):
    """As commit 28b0f85 gave them, whose configs asked for mixed precision; a later generator of data sets gives others."""
    monkeypatch.setattr(data_set, "VERSION", 5)
    run = make_run(configs / "synthetic", tmp_path, row, "MA", 0, ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", True])
    assert run.keys[1] == f"MA/seed0-{digits}"
