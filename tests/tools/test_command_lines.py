"""What the tools have in common: from the parsing on they end with one sentence, and a number has a range."""

import argparse
from pathlib import Path

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.profiling.machine import ALLOCATOR

FOLDER = Path(__file__).parent.parent.parent / "tools"
COMMANDS = FOLDER.parent / "dcac_fastreid" / "commands"
# train has fast-reid's options as fast-reid reads them; engine/setup.py looks at their values.
OTHER_COMMANDS = sorted(path for path in COMMANDS.glob("*.py") if path.name != "train.py")
TOOLS = sorted(path.stem for path in FOLDER.glob("*.py"))


@pytest.fixture(autouse=True)
def allocator(monkeypatch):
    """Else tools/benchmark.py would start again, and this process with it."""
    for name, value in ALLOCATOR.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_wrong_is_one_sentence_from_the_parsing_on(tool, run_tool, monkeypatch):
    def parse_args(*_):
        raise InputError("found while parsing")

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    assert run_tool(tool) == (2, "error: found while parsing\n")


@pytest.mark.parametrize("file", [*FOLDER.glob("*.py"), *OTHER_COMMANDS], ids=lambda file: file.stem)
def test_whole_numbers_are_read_with_their_range(file):
    assert "type=int" not in file.read_text(), "take arguments.whole_number"


@pytest.mark.parametrize(
    ("tool", "words", "sentence"),
    [
        ("reproduce", ["--table", "7", "--synthetic", "--seeds", "9" * 20, "--dry-run"], "--seeds: it is '9999"),
        ("reproduce", ["--table", "7", "--jobs", "0"], "--jobs: it is '0'"),
        ("reproduce", ["--table", "7", "--synthetic", "--data-seeds", "1,x", "--dry-run"], "--data-seeds: it is 'x'"),
        ("reproduce", ["--run", "frozen", "MA", "x", "1"], "--run is frozen MA x 1"),
        ("benchmark", ["--rounds", "0"], "--rounds: it is '0'"),
        ("benchmark", ["--output", "{folder}"], "is a folder"),
        ("benchmark", ["--output", ""], "--output is an empty name"),
        ("search", ["query", "--index", "x", "--photos", "y", "--output", "z", "--top", "0"], "--top: it is '0'"),
        ("demo", ["--output", "{file}"], "is a file"),
        ("demo", ["--output", "{file}/below"], "is a file"),
        ("demo", ["--output", ""], "--output is an empty name"),
        ("dry_run", ["--prepare", "{file}"], "is a file"),
        ("dry_run", ["--prepare", ""], "--prepare is an empty name"),
        ("pretrain_parts", ["--output", "{file}"], "is a file"),
        ("pretrain_parts", ["--output", ""], "--output is an empty name"),
        ("pretrain_parts", ["--seed", "-1"], "--seed: it is '-1'"),
        ("synthetic_sheet", ["--output", "{folder}"], "is a folder"),
        ("synthetic_sheet", ["--output", "sheet.xyz"], "expected a file that ends in .png or .jpg"),
        ("synthetic_sheet", ["--output", ""], "--output is an empty name"),
        ("synthetic_sheet", ["--seed", "99999999999"], "--seed: it is '99999999999'"),
        (
            "convert_checkpoint",
            ["--input", "{file}", "--output", "{folder}"],
            "a model folder needs the config that rebuilds its encoder; add --config-file",
        ),
        (
            "convert_checkpoint",
            ["--input", "x.pth", "--output", "{file}"],
            "expected a file that ends in .pth, or a folder",
        ),
        (
            "convert_checkpoint",
            ["--input", "x.pth", "--output", "x.safetensors"],
            "expected a file that ends in .pth, or a f",
        ),
        (
            "convert_checkpoint",
            ["--input", "x", "--output", "x.pth", "--data-license", "mit"],
            "--data-license and --weights-license are for the card of a model folder",
        ),
        ("convert_checkpoint", ["--input", "{file}", "--output", "/dev/stdout"], "is a device"),
        ("convert_checkpoint", ["--input", "", "--output", "x.pth"], "--input is an empty name"),
        ("convert_checkpoint", ["--input", "x", "--output", "y", "--image-size", "0", "9"], "--image-size: it is '0'"),
        ("visualize", ["diffusion", "--checkpoint", "x", "--timesteps", "1,x"], "--timesteps: it is 'x'"),
        ("visualize", ["diffusion", "--checkpoint", "x", "--timesteps", ""], "--timesteps: it is ''; expected one or"),
        (
            "reproduce",
            ["--table", "7", "--synthetic", "--data-seeds", "", "--dry-run"],
            "--data-seeds: it is ''; expected",
        ),
        (
            "reproduce",
            ["--table", "7", "--synthetic", "--data-seeds", ",", "--dry-run"],
            "--data-seeds: it is ','; expected",
        ),
        ("reproduce", ["--table", "7", "--synthetic", "--rows", "", "--dry-run"], "--rows: it is ''; expected"),
        (
            "reproduce",
            ["--table", "7", "--synthetic", "--sources", ", ", "--dry-run"],
            "--sources: it is ', '; expected",
        ),
        ("interpolate", ["--config-file", "{config}", "--checkpoint", "x", "--alpha", "", "--output", "y"], "alpha"),
    ],
)
def test_odd_options_are_one_sentence_and_leave_nothing(tool, words, sentence, run_tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("a file")
    (tmp_path / "folder").mkdir()
    config = FOLDER.parent / "configs/DCAC/synthetic/ma_ms.yml"
    words = [word.format(file=tmp_path / "file", folder=tmp_path / "folder", config=config) for word in words]
    status, said = run_tool(tool, *words)
    last = said.strip().splitlines()[-1]
    assert status == 2 and sentence in last and "error: " in last
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "a file"
