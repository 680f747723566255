import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.diffusion import LatentCache, stable_diffusion
from dcac_fastreid.diffusion.latents import read_view

SIZE = (64, 64)


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    paths = [str(tmp_path / "root" / f"{name}.png") for name in "abcde"]
    os.mkdir(tmp_path / "root")
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (32, 16, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture(scope="module")
def encoder(sd_folder):
    return stable_diffusion.load_encoder(sd_folder)


def new_cache(tmp_path):
    return LatentCache(tmp_path / "latents", tmp_path / "root")


def test_cached_moments_equal_direct_encoding(pictures, encoder, tmp_path):
    cache = new_cache(tmp_path)
    assert cache.fill(pictures, encoder, size=SIZE, batch_size=2) == 5
    asked = [pictures[3], pictures[0], pictures[3]]
    direct = encoder(torch.stack([read_view(path, SIZE) for path in asked]))
    torch.testing.assert_close(cache.lookup(asked), direct, rtol=0, atol=1e-5)


def test_a_second_run_encodes_nothing_and_reads_the_same(pictures, encoder, tmp_path):
    first, second = new_cache(tmp_path), new_cache(tmp_path)
    first.fill(pictures, encoder, size=SIZE)
    assert second.fill(pictures[::-1], encoder, size=SIZE) == 0
    assert torch.equal(first.lookup(pictures), second.lookup(pictures))


def test_another_spelling_of_the_root_finds_the_same_rows(pictures, encoder, tmp_path, monkeypatch):
    new_cache(tmp_path).fill(pictures, encoder, size=SIZE)
    monkeypatch.chdir(tmp_path)
    relative = [os.path.relpath(path) for path in pictures]
    assert LatentCache("latents", "root").fill(relative, encoder, size=SIZE) == 0


def test_a_changed_picture_is_encoded_again(pictures, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(pictures, encoder, size=SIZE)
    before = cache.lookup(pictures)
    Image.new("RGB", (16, 32), "red").save(pictures[1])
    assert cache.fill(pictures, encoder, size=SIZE) == 1
    changed = (cache.lookup(pictures) != before).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, False]


def test_an_interrupted_pass_goes_on(pictures, encoder, tmp_path, monkeypatch):
    read, calls = Image.open, []

    def fail_on_the_fourth(*args, **kwargs):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return read(*args, **kwargs)

    monkeypatch.setattr(Image, "open", fail_on_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        new_cache(tmp_path).fill(pictures, encoder, size=SIZE, batch_size=2)
    monkeypatch.undo()
    cache, whole = new_cache(tmp_path), LatentCache(tmp_path / "others", tmp_path / "root")
    assert cache.fill(pictures, encoder, size=SIZE, batch_size=2) == 3
    whole.fill(pictures, encoder, size=SIZE, batch_size=2)
    assert torch.equal(cache.lookup(pictures), whole.lookup(pictures)), "as an unbroken pass, to the bit"


def test_another_size_or_another_vae_has_other_latents(pictures, encoder, tmp_path):
    new_cache(tmp_path).fill(pictures, encoder, size=SIZE)
    assert new_cache(tmp_path).fill(pictures, encoder, size=(32, 32)) == 5
    with torch.no_grad():
        next(encoder.parameters()).add_(0.01)
    assert new_cache(tmp_path).fill(pictures, encoder, size=SIZE) == 5


def test_two_runs_at_once_share_a_file(pictures, encoder, tmp_path):
    caches = [new_cache(tmp_path), new_cache(tmp_path)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: caches[n].fill(pictures, encoder, size=SIZE, batch_size=1 + n), range(2)))
    assert torch.equal(caches[0].lookup(pictures), caches[1].lookup(pictures))


def test_an_unknown_picture_is_named(pictures, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(pictures[:1], encoder, size=SIZE)
    with pytest.raises(KeyError, match="b.png"):
        cache.lookup(pictures[:2])


def test_a_damaged_row_is_made_again(pictures, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(pictures, encoder, size=SIZE)
    whole = cache.lookup(pictures)
    with closing(sqlite3.connect(next((tmp_path / "latents").glob("*.sqlite")))) as connection:
        connection.execute("UPDATE latents SET moments = zeroblob(length(moments)) WHERE path = 'c.png'")
        connection.commit()
    again = new_cache(tmp_path)
    assert again.fill(pictures, encoder, size=SIZE) == 1
    torch.testing.assert_close(again.lookup(pictures), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("damage", [lambda old: b"no database at all" * 100, lambda old: old[: len(old) // 2]])
def test_a_damaged_file_is_set_aside_and_made_again(pictures, encoder, tmp_path, damage):
    new_cache(tmp_path).fill(pictures, encoder, size=SIZE)
    file = next((tmp_path / "latents").glob("*.sqlite"))
    file.write_bytes(damage(file.read_bytes()))
    cache = new_cache(tmp_path)
    assert cache.fill(pictures, encoder, size=SIZE) == 5
    assert file.with_suffix(".damaged").exists() and cache.lookup(pictures).isfinite().all()


def test_a_run_that_has_the_file_open_outlives_its_replacement(pictures, encoder, tmp_path):
    first = new_cache(tmp_path)
    first.fill(pictures, encoder, size=SIZE)
    next((tmp_path / "latents").glob("*.sqlite")).write_bytes(b"broken meanwhile")
    new_cache(tmp_path).fill(pictures, encoder, size=SIZE)
    assert first.lookup(pictures).isfinite().all()


def test_two_runs_that_meet_a_damaged_file_make_it_anew_once(pictures, encoder, tmp_path):
    new_cache(tmp_path).fill(pictures, encoder, size=SIZE)
    file = next((tmp_path / "latents").glob("*.sqlite"))
    file.write_bytes(b"no database at all" * 100)
    caches = [new_cache(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda cache: cache.fill(pictures, encoder, size=SIZE), caches))
    assert all(torch.equal(cache.lookup(pictures), caches[0].lookup(pictures)) for cache in caches)
    assert new_cache(tmp_path).fill(pictures, encoder, size=SIZE) == 0
