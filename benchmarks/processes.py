"""Is a training step of two processes as fast as one of one process? DCAC at the paper's size, on the CPU, batch 8.

    python benchmarks/processes.py --output benchmarks/processes.json

Two processes of one thread each against one of two threads, and against two of half the batch that know nothing of each other:
these show what the machine takes for two smaller trainings, such as reading all weights twice. What is beyond them is the middle of
the step, which every process computes for the whole batch, and gloo. The three take turns, each turn in new processes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from dcac_fastreid.profiling.machine import ALLOCATOR, describe_machine

ROOT = Path(__file__).parent.parent
CORES = 2
ONE, SHARING, APART = "one process", "two processes", "two trainings of half the batch"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON file for the figures")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument(
        "--steps", type=int, default=3, help="timed steps of a turn, behind one that is not (default: 3)"
    )
    parser.add_argument("--batch", type=int, default=8, help="images of a step (default: 8)")
    parser.add_argument("--size", choices=["real", "tiny"], default="real")
    args = parser.parse_args()
    seconds: dict[str, list[float]] = {ONE: [], SHARING: [], APART: []}
    for number in range(args.rounds):
        for kind in sorted(seconds, reverse=number % 2 == 1):
            turn = _turn(kind, args)
            seconds[kind] += turn
            print(
                f"round {number + 1} of {args.rounds}, {kind}: {', '.join(f'{each:.2f}' for each in turn)} s",
                flush=True,
            )
    medians = {kind: statistics.median(times) for kind, times in seconds.items()}
    ratios = {kind: medians[kind] / medians[ONE] for kind in (SHARING, APART)}
    print("medians", ", ".join(f"{kind} {median:.2f} s" for kind, median in medians.items()))
    print("against one process:", ", ".join(f"{kind} {ratio:.3f}" for kind, ratio in ratios.items()))
    if args.output:
        described = {"machine": describe_machine(), "torch": torch.__version__, "size": args.size, "batch": args.batch}
        result = {**described, "seconds": seconds, "ratios": ratios}
        args.output.write_text(json.dumps(result, indent=1) + "\n")


def _turn(kind: str, args: argparse.Namespace) -> list[float]:
    """Seconds of each timed step; of two trainings that run beside each other the mean of both."""
    command = [sys.executable, __file__, str(args.steps), str(args.batch // (CORES if kind == APART else 1)), args.size]
    if kind == SHARING:
        command[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(CORES)]
    environment = (
        os.environ
        | ALLOCATOR
        | {
            "OMP_NUM_THREADS": str(CORES if kind == ONE else 1),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "STEP_OF_A_TURN": "1",
        }
    )
    started = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(CORES if kind == APART else 1)
    ]
    printed = [run.communicate()[0] for run in started]
    if any(run.returncode for run in started):
        sys.exit(f"{kind}: a training has failed")
    return [
        statistics.mean(step) for step in zip(*(json.loads(text.splitlines()[-1]) for text in printed), strict=True)
    ]


def _steps(steps: int, batch: int, size: str) -> None:
    """In each process of a turn: makes steps; the first process prints their seconds."""
    from dcac_fastreid.distributed.join import join, launched, leave, meet
    from dcac_fastreid.distributed.shares import own_share
    from dcac_fastreid.engine.linear_layers import fast_linear_layers
    from dcac_fastreid.engine.optimizer import build_optimizer
    from dcac_fastreid.profiling.training import Training
    from dcac_fastreid.profiling.workload import workload
    from fastreid.engine import defaults
    from fastreid.utils import comm
    from fastreid.utils.events import EventStorage

    if place := launched():
        join(place, meet(place), on_gpus=False)
    torch.manual_seed(0)
    training = Training(replace(workload(size, "cpu", ROOT / "configs/DCAC"), batch=batch), "ma_ms")
    model, optimizer = training.model, build_optimizer(training.cfg, training.model)[0]
    own, latents = own_share(batch), model.feedback.moments_of
    model.feedback.connect_latents(lambda paths: latents(paths)[own], model.feedback.scaling_factor)
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(batch, 3, *training.cfg.INPUT.SIZE_TRAIN, generator=generator) * 255)[own]
    targets = (torch.arange(batch) // 2)[own]
    wrapped = defaults.DistributedDataParallel(model, device_ids=[], broadcast_buffers=False) if place else model
    seconds = []
    with EventStorage(), fast_linear_layers("cpu"):
        for _ in range(1 + steps):
            comm.synchronize()
            begin = time.perf_counter()
            given = {
                "images": images.clone(),
                "targets": targets,
                "camids": targets % 2,
                "img_paths": [""] * len(targets),
            }
            loss = sum(wrapped(given).values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            comm.synchronize()
            seconds.append(time.perf_counter() - begin)
    if comm.is_main_process():
        print(json.dumps(seconds[1:]), flush=True)
    if place:
        leave()


if __name__ == "__main__":
    if os.environ.get("STEP_OF_A_TURN"):
        _steps(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main()
