"""Config files that are no configs, or odd ones, through every door that reads one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from ..case import Case, Ground
from ..ground import BASELINE, training
from .settings import RUNNER

BASE = f"_BASE_: {BASELINE}\n"
TEXTS: dict[str, str | bytes] = {
    "empty": "",
    "blank": "\n \n",
    "a word": "hello",
    "a list": "- a\n- b\n",
    "a number": "3",
    "null": "null",
    "a date": "2024-01-01",
    "broken": "MODEL: [1,\n",
    "tabs": "MODEL:\n\tDEVICE: cpu\n",
    "two documents": "A: 1\n---\nB: 2\n",
    "a null byte": b"MODEL: \0",
    "nothing but bytes": bytes(range(256)),
    "latin-1": "SEED: é".encode("latin-1"),
    "utf-16": (BASE + "SEED: 1\n").encode("utf-16"),
    "utf-8 with a mark": b"\xef\xbb\xbf" + BASE.encode(),
    "crlf": BASE.replace("\n", "\r\n"),
    "json": '{"SEED": 1}',
    "itself as base": "_BASE_: odd.yml\n",
    "two that build on each other": "_BASE_: other.yml\n",
    "base: number": "_BASE_: 3\n",
    "base: list": "_BASE_: [a.yml]\n",
    "base: null": "_BASE_: null\n",
    "base: folder": "_BASE_: .\n",
    "base: gone": "_BASE_: gone.yml\n",
    "base: home": "_BASE_: ~/gone.yml\n",
    "base: address": "_BASE_: https://example.com/a.yml\n",
    "base: empty": "_BASE_: ''\n",
    "base: device": "_BASE_: /dev/zero\n",
    "dotted key": BASE + "MODEL.DEVICE: cpu\n",
    "section is a number": BASE + "MODEL: 3\n",
    "section is null": BASE + "MODEL: null\n",
    "section is a list": BASE + "SOLVER: []\n",
    "key is a section": BASE + "SEED: {A: 1}\n",
    "key is a number": BASE + "1: 2\n",
    "key is null": BASE + "null: 2\n",
    "key is a list": BASE + "? [a]\n: 2\n",
    "key is true": BASE + "true: 2\n",
    "unknown key": BASE + "SEDE: 1\n",
    "unknown section": BASE + "MODELL: {DEVICE: cpu}\n",
    "one key twice": BASE + "SEED: 1\nSEED: 2\n",
    "a loop": BASE + "MODEL: &a\n  DCAC: *a\n",
    "a list in itself": BASE + "DATASETS: {NAMES: &a [*a]}\n",
    "an alias that is not there": BASE + "SEED: *a\n",
    "merge of a number": BASE + "<<: 3\n",
    "merge of itself": "<<: &a {<<: *a}\n",
    "many aliases": "a0: &a0 [x, x]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "deep lists": BASE + "SEED: " + "[" * 3000 + "]" * 3000,
    "deep sections": "{a: " * 2000 + "1" + "}" * 2000,
    "a long line": BASE + "OUTPUT_DIR: " + "x" * 100_000,
    "a long number": BASE + "SEED: " + "9" * 6000,
    "two megabytes": BASE + "# x\n" * 500_000,
    "many keys": BASE + "".join(f"K{n}: 1\n" for n in range(20_000)),
    "python": "!!python/object/apply:os.mkdir [ran]\n",
    "python name": "SEED: !!python/name:os.system\n",
    "python tuple": BASE + "DATASETS: {TESTS: !!python/tuple [DG_DukeMTMC]}\n",
    "unknown tag": "SEED: !odd 1\n",
    "escape characters": BASE + '"\\e[31mred": 1\n',
    "a line end in a key": BASE + '"a\\nb": 1\n',
}


def a_folder(ground: Ground) -> None:
    (ground.own / "odd.yml").mkdir()


def a_pipe(ground: Ground) -> None:
    os.mkfifo(ground.own / "odd.yml")


def a_link_to_itself(ground: Ground) -> None:
    (ground.own / "odd.yml").symlink_to("odd.yml")


def a_device(ground: Ground) -> None:
    (ground.own / "odd.yml").symlink_to("/dev/zero")


def doors() -> dict[str, tuple[str, ...]]:
    weights = ("MODEL.WEIGHTS", "{run}/model_final.pth")
    of_file = ("--config-file", "odd.yml")
    return {
        "train": training("odd.yml", "out"),
        "test": training("odd.yml", "out", "--eval-only", *weights),
        "script": ("-m", str(RUNNER), *training("odd.yml", "out")[1:]),
        "model_stats": ("model_stats", *of_file, "--num-classes", "8"),
        "export_weights": ("export_weights", *of_file, "--output", "out", *weights),
        "index": (
            "search",
            "index",
            "--checkpoint",
            weights[1],
            "--gallery",
            "{photos}/gallery",
            "--index",
            "out",
            *of_file,
        ),
        "export_model": (
            "export_model",
            "--checkpoint",
            weights[1],
            "--output",
            "out",
            "--format",
            "torch-export",
            *of_file,
        ),
        "visualize": (
            "visualize",
            "distances",
            "--checkpoint",
            weights[1],
            "--output",
            "out",
            *of_file,
            "DATASETS.ROOT",
            "{data_root}",
        ),
        "convert": ("convert_checkpoint", "--input", weights[1], "--output", "out.pth", *of_file),
        "plan": ("benchmark", "--plan", "--size", "tiny", "--device", "cpu", *of_file),
    }


def cases() -> Iterator[Case]:
    files: dict[str, Callable[[Ground], None]] = {name: _written(text) for name, text in TEXTS.items()}
    files |= {made.__name__: made for made in (a_folder, a_pipe, a_link_to_itself, a_device)}
    for door, words in doors().items():
        for name, arrange in files.items():
            yield Case("config files", f"{name}, {door}", words, arrange)


def _written(text: str | bytes) -> Callable[[Ground], None]:
    def arrange(ground: Ground) -> None:
        (ground.own / "odd.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
        (ground.own / "other.yml").write_text("_BASE_: odd.yml\n")

    return arrange
