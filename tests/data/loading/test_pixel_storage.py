import errno
import os
from pathlib import Path

import pytest
import torch

from dcac_fastreid.data.loading import pixel_storage
from dcac_fastreid.data.loading.pixel_storage import allocate_pixels, available_memory
from dcac_fastreid.errors import InputError

SHAPE = (5, 3, 8, 4)  # 480 bytes


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def set_memory(monkeypatch):
    return lambda size: monkeypatch.setattr(pixel_storage, "available_memory", lambda: size)


def test_what_half_of_the_memory_holds_lies_there(cache, set_memory):
    set_memory(960)
    assert allocate_pixels(SHAPE).shape == SHAPE and not cache.exists()


@pytest.mark.parametrize(("memory", "processes"), [(959, 1), (960, 2)])
def test_what_it_does_not_hold_for_every_process_lies_in_a_file_without_a_name(
    cache, set_memory, monkeypatch, logged, memory, processes
):
    set_memory(memory)
    monkeypatch.setattr(pixel_storage.comm, "get_local_size", lambda: processes)
    pixels = allocate_pixels(SHAPE)
    assert pixels.shape == SHAPE and pixels.dtype == torch.uint8
    pixels[:] = torch.arange(5, dtype=torch.uint8)[:, None, None, None]
    assert pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert str(cache) in logged()[0] and list(cache.iterdir()) == []
    assert f"{cache}/" in Path("/proc/self/maps").read_text()  # it is a file of that folder


def test_a_full_disk_is_one_sentence_with_the_ways_out(cache, set_memory, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    set_memory(0)
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="No space left.*DCAC_FASTREID_CACHE.*DATALOADER.CACHE_IMAGES False"):
        allocate_pixels(SHAPE)


def test_so_is_a_folder_that_cannot_be_made(cache, set_memory):
    set_memory(0)
    cache.write_text("")
    with pytest.raises(InputError, match="File exists.*DATALOADER.CACHE_IMAGES False"):
        allocate_pixels(SHAPE)


def test_memory_is_that_of_the_container(tmp_path, monkeypatch):
    """Files that are kept in memory for reading count as free."""
    machine = available_memory()
    files = [str(tmp_path / name) for name in ("limit", "used", "statistics")]
    monkeypatch.setattr(pixel_storage, "CGROUPS", ((*files, "inactive_file"),))

    def limited_to(limit):
        for file, text in zip(files, (limit, "600\n", "anon 550\ninactive_file 50\n"), strict=True):
            Path(file).write_text(text)
        return available_memory()

    assert limited_to("1000\n") == 1000 - 600 + 50
    assert limited_to("max\n") == pytest.approx(machine, rel=0.3)  # other programs move it
