"""What the dry run of `reproduce --table all` expects at its end; the dry run itself is in `make test-slow`."""

import importlib.util
import os
from pathlib import Path

import pytest

from dcac_fastreid.experiments.protocols import OF_PAPER, tables_of
from dcac_fastreid.experiments.table_runs import restrict, runs_of

SCRIPT = Path(__file__).parent.parent.parent / "tools" / "dry_run_reproduce.py"


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("dry_run_reproduce", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ended(script, tmp_path):
    """The rehearsal when all commands have ended as they should, and the results of its runs."""
    results = [tmp_path / "out" / "dcac" / "MA" / str(number) / "result.json" for number in range(script.RUNS)]
    tables = [tmp_path / "out" / "tables" / f"table-{name}-0a1b2c" for name in OF_PAPER]
    for file in [*results, *(Path(f"{table}{kind}") for table in tables for kind in (".txt", ".md", ".json", ".html"))]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("12.3")
    return script.Rehearsal(tmp_path, tmp_path / "logs"), results


def test_a_rehearsal_that_ends_as_it_should_is_passed(ended):
    rehearsal, results = ended
    before = rehearsal._results()
    rehearsal._check_end(dict(list(before.items())[:3]), dict(list(before.items())[:5]))
    assert sorted(before) == sorted(results)


def test_what_went_otherwise_is_told(script, ended, tmp_path):
    rehearsal, results = ended
    first = rehearsal._results()
    os.utime(results[0], ns=(1, 1))
    with pytest.raises(
        script.Failed, match="'to-the-end' has trained again what was finished before a kill; its log is"
    ):
        rehearsal._check_end(first, first)
    text = next((tmp_path / "out" / "tables").glob("table-7-*.txt"))
    text.write_text("not run")
    with pytest.raises(script.Failed, match="has left cells of table 7 empty"):
        rehearsal._check_end({}, {})
    text.unlink()
    with pytest.raises(script.Failed, match="has made of table 7 only"):
        rehearsal._check_end({}, {})
    results[1].unlink()
    with pytest.raises(script.Failed, match="has left 39 results instead of 40"):
        rehearsal._check_end({}, {})


def test_it_expects_as_many_runs_as_the_papers_tables_have(script, configs, tmp_path):
    specs = tables_of("all")
    assert len(restrict([runs_of(spec, configs, tmp_path, seeds=1) for spec in specs], specs)) == script.RUNS


def test_a_run_with_a_checkpoint_and_no_result_is_half_trained(ended):
    rehearsal, results = ended
    (results[0].parent / "last_checkpoint").touch()
    assert not rehearsal._half_trained()
    results[0].unlink()
    assert rehearsal._half_trained()
