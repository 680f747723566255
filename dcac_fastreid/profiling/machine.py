"""On what was measured: processor, memory, settings, matrix products per second. No name and no path of it."""

import ctypes
import gc
import os
import platform
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from dcac_fastreid.data import available_memory

GIB = 2**30
# Of glibc, PyTorch and OpenMP: with the default allocator large buffers are given back and faulted in again at every step,
# which then takes several times as long. The tool starts itself again with them, since they are read at a process's start.
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "1000000000000",
    "THP_MEM_ALLOC_ENABLE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
STARTED_AGAIN = "DCAC_FASTREID_STARTED_AGAIN"


def describe_machine() -> dict:
    """Processor, cores, memory and the current GPU."""
    gpu = torch.cuda.get_device_properties(torch.cuda.current_device()) if torch.cuda.is_available() else None
    return {
        "processor": _from_proc("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 1),
        "gpu": gpu.name if gpu else None,
        "gpu_memory_gib": round(gpu.total_memory / GIB, 1) if gpu else None,
    }


def start_again_with_allocator() -> None:
    """Replaces this process by one of the same command with ALLOCATOR in its environment, unless it is there."""
    missing = {name: value for name, value in ALLOCATOR.items() if name not in os.environ}
    if missing:
        os.execve(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, **missing, STARTED_AGAIN: ", ".join(missing)},
        )


def describe_environment() -> dict:
    """What was set in the environment, by the tool itself too, and how many threads PyTorch takes."""
    names = (*ALLOCATOR, "OMP_NUM_THREADS")
    return {
        "threads": torch.get_num_threads(),
        **{name: os.environ.get(name) for name in names},
        "started_again_with": os.environ.get(STARTED_AGAIN),
    }


def matrix_rate(side: int, device: torch.device) -> dict:
    """The best of some products of square matrices: fp32 on the CPU, bf16 on a GPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    seconds = min(timed(lambda: a @ b, device) for _ in range(5))
    name = str(dtype).removeprefix("torch.")
    return {"flops_per_second": 2 * side**3 / seconds, "dtype": name, "matrix": side}


def timed(function, device: torch.device) -> float:
    """Seconds of one call."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def release_memory(device: torch.device) -> None:
    """Gives back what nothing uses any more; `peak_memory` counts from here on."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return
    with suppress(
        OSError, AttributeError
    ):  # another C library, or a kernel that does not reset: the peak is an earlier one
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory(device: torch.device) -> int | None:
    """Bytes: of the GPU what tensors took, of the CPU the whole process; None where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    # Not resource.getrusage: its peak is inherited from the process that started this one.
    peak = _from_proc("/proc/self/status", "VmHWM")
    return int(peak.split()[0]) * 1024 if peak else None


def memory_now() -> int:
    """Bytes of this process, 0 where the system does not tell."""
    now = _from_proc("/proc/self/status", "VmRSS")
    return int(now.split()[0]) * 1024 if now else 0


def room(device: torch.device) -> int:
    """Bytes that a training in this process can have: what is free and, on the CPU, what the process has already."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return available_memory() + memory_now()


def _from_proc(path: str, name: str) -> str | None:
    with suppress(OSError):
        for line in Path(path).read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    return None
