"""Bad inputs of every kind, each in a fork of this process, and a table of how they ended.

python -m tests.campaign.run --folder /tmp/campaign [--count 300] [--part 1/4] [--seed 0] [--group NAME] [--only TEXT]

Status 1: a case ended in a traceback, a hang, something half-written or another way in which none may end.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

import dcac_fastreid
from dcac_fastreid.profiling import machine

from .case import Case, Ground, sample
from .fork import run_case
from .ground import make_shared
from .groups import (
    command_lines,
    data_folders,
    index_files,
    places,
    public_api,
    run_files,
    settings,
    weight_files,
    yaml_files,
)
from .judge import GOOD, OUTCOMES, judge

SHOWN = 60  # bad ends that are told in full
IMPORTED = (  # what the tools import late: once here, and not in every fork
    "dcac_fastreid.analysis.kinds",
    "dcac_fastreid.deploy.search.search",
    "dcac_fastreid.deploy.search.answer_section",
    "dcac_fastreid.deploy.export.export_model",
    "dcac_fastreid.experiments.reproduce",
    "dcac_fastreid.experiments.demo",
    "dcac_fastreid.profiling",
    "dcac_fastreid.host_scripts",
    "dcac_fastreid.synthetic.data_set",
    "dcac_fastreid.synthetic.pretraining",
    "dcac_fastreid.data.doctor",
    "dcac_fastreid.data.checks.check_datasets",
    "dcac_fastreid.data.loading.loaders",
    "open_clip",
    "diffusers",
    "peft",
    "cv2",
    "faiss",
    "sklearn.linear_model",
    "matplotlib.pyplot",
    "torch.utils.tensorboard",
    "safetensors.torch",
    "diffusers.models.unets.unet_2d_condition",
    "diffusers.models.autoencoders.autoencoder_kl",
    "torch.export",
    "torch.utils.cpp_extension",
    "torch._dynamo",
)


def all_cases(ground: Ground) -> Iterator[Case]:
    yield from settings.cases()
    yield from yaml_files.cases()
    yield from weight_files.cases()
    yield from data_folders.cases()
    yield from index_files.cases(ground)
    yield from run_files.cases(ground)
    yield from places.cases()
    yield from command_lines.cases()
    yield from public_api.cases()


def campaign(cases: Iterable[Case], shared: Path) -> tuple[Counter, list[str], float]:
    """Runs them; how often each group ended in each outcome, what is bad in words, and the longest time."""
    counts, bad, longest = Counter(), [], 0.0
    for number, case in enumerate(cases):
        ground = Ground(shared, shared.parent / f"cases-{shared.name}" / f"{number:05d}")
        ended = run_case(case, ground)
        outcome, why = judge(case, ground, ended)
        counts[case.group, outcome] += 1
        longest = max(longest, ended.seconds)
        if outcome not in GOOD:
            text = f"[{outcome}] {case.group}: {case.name} ({ended.seconds:.1f} s)\n    {why.strip()}"
            bad.append(text.encode(errors="backslashreplace").decode())
            print(bad[-1], file=sys.stderr, flush=True)
        shutil.rmtree(ground.own, ignore_errors=True)
    return counts, bad, longest


def table(counts: Counter) -> str:
    """Of each group, how many were tried and how they ended."""
    rows = [["class", "tried", *OUTCOMES]]
    groups = list(dict.fromkeys(group for group, _ in counts))
    for group in groups:
        ends = [counts[group, outcome] for outcome in OUTCOMES]
        rows.append([group, sum(ends), *ends])
    rows.append(["all", *(sum(row[column] for row in rows[1:]) for column in range(1, len(rows[0])))])
    return "\n".join(" | ".join(f"{cell!s:>13}" for cell in row) for row in rows)


def prepare() -> None:
    """Imports what the cases will, and nothing of it again in a fork."""
    torch.set_num_threads(1)  # threads do not survive a fork
    for name in IMPORTED:
        __import__(name)
    os.environ |= {
        name: os.environ.get(name, value) for name, value in machine.ALLOCATOR.items()
    }  # else it starts again
    logging.getLogger("fastreid").handlers.clear()
    gc.freeze()  # else every fork copies the pages that a collection touches


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where it works; must not exist")
    parser.add_argument("--count", type=int, default=0, help="cases, evenly over the groups (default: all)")
    parser.add_argument("--part", default="1/1", help="of all cases, such as 2/4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--group", default="", help="of this group alone")
    parser.add_argument("--only", default="", help="cases whose name has this text")
    args = parser.parse_args(arguments)
    prepare()
    ground = make_shared(args.folder.resolve() / "shared")
    cases = [case for case in all_cases(ground) if args.only in case.name and args.group in case.group]
    cases = sample(cases, args.count or len(cases), args.seed)
    part, parts = map(int, args.part.split("/"))
    begin = time.monotonic()
    counts, bad, longest = campaign(cases[part - 1 :: parts], ground.shared)
    print(f"seed {args.seed}, part {args.part}, {dcac_fastreid.__file__}")
    print(table(counts))
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes, the longest case {longest:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
