"""Every option of every tool, found by its own parser, with odd values, without one, twice, and left out."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Iterator
from unittest import mock

from ..case import ROOT, Case, Ground
from ..ground import BASELINE, SYNTHETIC
from .settings import RUNNER
from .values import OF_OPTIONS

CHECKPOINT = "{run}/model_final.pth"
# A command that works, for every tool and subcommand; of tools that take minutes or do not end, one that ends before its work.
WORKING: dict[str, tuple[str, ...]] = {
    "train_net": (
        "--config-file",
        BASELINE,
        "--eval-only",
        "DATASETS.ROOT",
        "{data_root}",
        "OUTPUT_DIR",
        "out",
        "MODEL.WEIGHTS",
        CHECKPOINT,
    ),
    "search index": ("--checkpoint", CHECKPOINT, "--gallery", "{photos}/gallery", "--index", "out"),
    "search calibrate": ("--index", "index", "--people", "{photos}/people", "--false-match-rate", "0.2"),
    "search query": ("--index", "{index}", "--photos", "{photos}/query.jpg", "--output", "found"),
    "search remove": ("--index", "index", "--photos", "{photos}/gallery"),
    "search crop": ("--detector", "a_file", "--photos", "{photos}/gallery", "--output", "out"),
    "search serve": ("--index", "a_folder", "--port", "0"),
    "extract_features": ("--checkpoint", CHECKPOINT, "--input", "{photos}/gallery", "--output", "out"),
    "export_model": ("--checkpoint", CHECKPOINT, "--output", "out", "--format", "torch-export"),
    "export_weights": ("--config-file", BASELINE, "--output", "out", "MODEL.WEIGHTS", CHECKPOINT),
    "convert_checkpoint": ("--input", CHECKPOINT, "--output", "out.pth"),
    "dataset_doctor": ("{data_root}", "--quick"),
    "model_stats": ("--config-file", BASELINE, "--num-classes", "8"),
    "benchmark": ("--size", "tiny", "--device", "cpu", "--only", "ranking", "--rounds", "1", "--output", "out.json"),
    "reproduce": ("--table", "single-source", "--synthetic", "--dry-run", "--output", "out", "--seeds", "1"),
    "visualize distances": ("--checkpoint", CHECKPOINT, "--output", "out", "DATASETS.ROOT", "{data_root}"),
    "visualize ranked-lists": ("--checkpoint", CHECKPOINT, "--output", "out", "DATASETS.ROOT", "{data_root}"),
    "visualize grad-cam": ("--checkpoint", CHECKPOINT, "--output", "out", "DATASETS.ROOT", "{data_root}"),
    "visualize embedding": ("--checkpoint", CHECKPOINT, "--output", "out", "DATASETS.ROOT", "{data_root}"),
    "visualize correlations": ("--checkpoint", CHECKPOINT, "--output", "out", "DATASETS.ROOT", "{data_root}"),
    "visualize diffusion": (
        "--checkpoint",
        "{dcac}/model_final.pth",
        "--output",
        "out",
        "DATASETS.ROOT",
        "{data_root}",
    ),
    "visualize curves": ("{run}", "--output", "out"),
}
# Without a working command here, since the work takes minutes: odd options alone.
REFUSED = {
    "pretrain_parts": ("--parts", "--seed", "--device"),
    "synthetic_sheet": ("--seed", "--difficulty"),
    "demo": (),
    "dry_run": (),
}
WRITTEN = {"--output", "--link", "--prepare"}  # options that name what is written: no devices and nothing outside
OUTSIDE = ("~nobody/x",)
WORKS_LONG = {("reproduce", "--dry-run")}  # without the option the tool trains


def arrange(ground: Ground) -> None:
    """A file, folders, a pipe and a loop to name; a copy of the index, which calibrating changes."""
    import shutil

    (ground.own / "a_file").write_text("hello\n")
    (ground.own / "a_folder").mkdir()
    os.mkfifo(ground.own / "a_pipe")
    (ground.own / "a_loop").symlink_to("a_loop")
    shutil.copytree(ground.index, ground.own / "index")


def cases() -> Iterator[Case]:
    for name, working in WORKING.items():
        tool, *sub = name.split()
        for action in _parser_of(tool, sub)._actions:
            yield from _of_option(name, (tool, *sub), working, action)
        yield from _always((tool, *sub), name)
        yield Case(
            "command lines", f"{name} and a key without value", (tool, *sub, *working, "SOLVER.BASE_LR"), arrange
        )
    for tool, options in REFUSED.items():
        yield from _always((tool,), tool)
        for option in options:
            yield Case("command lines", f"{tool} {option} x", (tool, option, "[x"), arrange)
            yield Case("command lines", f"{tool} {option} -1", (tool, option, "-1"), arrange)
    for words in _of_the_runner():
        yield Case("command lines", f"-m dcac_fastreid {words}"[:80], ("-m", *words), arrange)


def _of_option(name: str, start: tuple[str, ...], working: tuple[str, ...], action: argparse.Action) -> Iterator[Case]:
    if not action.option_strings or action.dest == "help":
        return
    option = action.option_strings[-1]
    without = _without(working, option, action)
    front = (*start, *without[: _end_of_options(without)])
    rest = without[_end_of_options(without) :]
    if (name, option) not in WORKS_LONG:
        yield Case("command lines", f"{name} without {option}", (*start, *without), arrange)
    if action.nargs == 0:
        yield Case("command lines", f"{name} {option}=x", (*front, f"{option}=x", *rest), arrange)
        return
    yield Case("command lines", f"{name} {option} and nothing", (*front, option), arrange)
    count = action.nargs if isinstance(action.nargs, int) else 1
    for value in OF_OPTIONS:
        if option in WRITTEN and value in OUTSIDE:
            continue
        words = (*front, option, *[value] * count, *rest)
        yield Case("command lines", f"{name} {option} {value[:30]!r}", words, arrange)
    usual = _value_of(working, option)
    if usual:
        yield Case("command lines", f"{name} {option} twice", (*front, option, *usual, option, *usual, *rest), arrange)


def _always(start: tuple[str, ...], name: str) -> Iterator[Case]:
    for words in (("--help",), ("--nope",), ("-x",), ("\udce9",), ("--config-file",), ("--", "--"), ("@file",)):
        yield Case("command lines", f"{name} {words}", (*start, *words), arrange)
    if start[0] not in ("demo", "dry_run", "pretrain_parts", "synthetic_sheet", "benchmark"):  # these work without any
        yield Case("command lines", f"{name} alone", start, arrange)


def _of_the_runner() -> Iterator[tuple[str, ...]]:
    yield from (
        (),
        ("",),
        (" ",),
        ("--help",),
        ("--nope",),
        ("nowhere.py",),
        ("a_folder",),
        ("a_file",),
        ("a_pipe",),
        ("a_loop",),
        ("-m",),
    )
    yield from (
        (str(RUNNER),),
        (str(RUNNER), "--config-file"),
        (str(RUNNER), "--num-gpus", "x"),
        (str(RUNNER), "--nope"),
    )
    yield from ((str(RUNNER), "--config-file", value) for value in OF_OPTIONS)
    yield from ((str(RUNNER), "--config-file", BASELINE, "--num-gpus", value) for value in OF_OPTIONS)
    yield from (
        (str(RUNNER), "--config-file", str(SYNTHETIC / "ma_d.yml"), "--eval-only", "MODEL.WEIGHTS", v)
        for v in OF_OPTIONS
    )


def _parser_of(tool: str, sub: list[str]) -> argparse.ArgumentParser:
    """The parser that a tool makes, up to the moment when it would parse."""

    class Found(Exception):
        pass

    def found(parser, *_):
        raise Found(parser)

    with mock.patch.object(argparse.ArgumentParser, "parse_args", found), mock.patch.object(sys, "argv", [tool]):
        try:
            runpy.run_path(str(ROOT / "tools" / f"{tool}.py"), run_name="__main__")
        except Found as made:
            parser = made.args[0]
    for word in sub:
        subparsers = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
        parser = subparsers.choices[word]
    return parser


def _without(words: tuple[str, ...], option: str, action: argparse.Action) -> tuple[str, ...]:
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 1 + len(_value_of(words, option)) :]


def _value_of(words: tuple[str, ...], option: str) -> tuple[str, ...]:
    """The words behind an option, up to the next one or to KEY VALUE pairs."""
    if option not in words:
        return ()
    found: list[str] = []
    for word in words[words.index(option) + 1 :]:
        if word.startswith("--") or word.isupper() or "." in word and word.replace(".", "").replace("_", "").isupper():
            break
        found.append(word)
    return tuple(found)


def _end_of_options(words: tuple[str, ...]) -> int:
    """Where KEY VALUE pairs begin."""
    for at, word in enumerate(words):
        if "." in word and word.split(".")[0].isupper() and word.isupper():
            return at
    return len(words)
