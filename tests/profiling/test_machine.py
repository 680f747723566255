"""What is said of the machine, and how the tool starts again."""

import json
import os
import socket

import pytest
import torch

from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.profiling import machine

CPU = torch.device("cpu")


def test_no_name_and_no_path_of_the_machine_is_told():
    told = json.dumps([machine.describe_machine(), describe_versions(), machine.describe_environment()])
    assert socket.gethostname() not in told
    assert str(machine.Path(machine.__file__).parent.parent.parent) not in told


def test_the_process_starts_again_once(monkeypatch):
    started = []
    monkeypatch.setattr(os, "execve", lambda *command: started.append(command))
    for name in machine.ALLOCATOR:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # the user's own choice stays
    machine.start_again_with_allocator()
    (_, _, environment) = started.pop()
    assert environment == {**os.environ, **environment} and environment["MALLOC_MMAP_MAX_"] == "0"
    assert environment["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.setattr(os, "environ", environment)
    machine.start_again_with_allocator()
    assert not started
    assert "MALLOC_MMAP_MAX_" in machine.describe_environment()["started_again_with"]


@pytest.mark.skipif(not machine.memory_now(), reason="the system does not tell a process's memory")
def test_the_peak_is_that_since_memory_was_released():
    size = 2**28
    large = torch.ones(size // 4)
    assert machine.peak_memory(CPU) >= size
    before = machine.memory_now()
    del large
    machine.release_memory(CPU)
    assert machine.peak_memory(CPU) <= before - 0.9 * size


def test_the_rate_is_of_multiplications_and_additions():
    rate = machine.matrix_rate(256, CPU)
    assert rate["dtype"] == "float32" and 1e8 < rate["flops_per_second"] < 1e14
