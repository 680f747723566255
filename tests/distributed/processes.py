"""Real processes that join by gloo, each of which does the same job of jobs.py; they are forked from one that has imported all."""

import json
import multiprocessing
import os
import runpy
from pathlib import Path

import torch
from torch.distributed import TCPStore

JOBS = Path(__file__).with_name("jobs.py")
LIMIT = 240  # seconds


def in_processes(number: int, folder: Path, job: str, *arguments, on_gpus: bool = False) -> list:
    """What a function of jobs.py returns in each process, by rank, its tensors on the CPU; its arguments are JSON-able.

    Raises: AssertionError: a process has failed, with what it has written.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dcac_fastreid.plugin", "diffusers", "peft", "open_clip"])
    folder.mkdir(parents=True, exist_ok=True)
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    address = f"tcp://127.0.0.1:{store.port}"
    processes = []
    for rank in range(number):
        told = {"TOLD": json.dumps([rank, number, address, str(folder), dict(os.environ), on_gpus, job, arguments])}
        processes.append(context.Process(target=runpy.run_path, args=(str(JOBS), told, "__job__")))
        processes[-1].start()
    for process in processes:
        process.join(LIMIT)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    written = [(folder / f"{rank}.txt").read_text()[-3000:] for rank in range(number)]
    assert codes == [0] * number, "\n".join(written)
    return [torch.load(folder / f"{rank}.pt", map_location="cpu", weights_only=False) for rank in range(number)]
