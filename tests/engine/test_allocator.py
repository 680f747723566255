"""Freed memory is used again without the operating system, in a process of its own: the setting lasts as long."""

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from dcac_fastreid.engine.allocator import keep_freed_memory
def use(): torch.ones(2**24).add_(1)  # 64 MB: 16,384 pages
def faults():
    for _ in range(3): use()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20): use()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(faults(), keep_freed_memory() and faults())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_a_large_tensor_takes_the_pages_of_the_one_before():
    finished = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    without, kept = map(int, finished.stdout.splitlines()[-1].split())
    assert without > 20 * 16_000, "all pages, each time"
    assert kept < 3 * 16_500  # where a small piece lies between two large ones, one of these may begin again
