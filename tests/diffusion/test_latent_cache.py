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
def images(tmp_path):
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


def test_cached_moments_equal_direct_encoding(images, encoder, tmp_path):
    cache = new_cache(tmp_path)
    assert cache.fill(images, encoder, size=SIZE, batch_size=2) == 5
    asked = [images[3], images[0], images[3]]
    direct = encoder(torch.stack([read_view(path, SIZE) for path in asked]))
    torch.testing.assert_close(cache.lookup(asked), direct, rtol=0, atol=1e-5)


def test_a_second_run_encodes_nothing_and_reads_the_same(images, encoder, tmp_path):
    first, second = new_cache(tmp_path), new_cache(tmp_path)
    first.fill(images, encoder, size=SIZE)
    assert second.fill(images[::-1], encoder, size=SIZE) == 0
    assert torch.equal(first.lookup(images), second.lookup(images))


def test_another_spelling_of_the_root_finds_the_same_rows(images, encoder, tmp_path, monkeypatch):
    new_cache(tmp_path).fill(images, encoder, size=SIZE)
    monkeypatch.chdir(tmp_path)
    relative = [os.path.relpath(path) for path in images]
    assert LatentCache("latents", "root").fill(relative, encoder, size=SIZE) == 0


def test_a_changed_image_is_encoded_again(images, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(images, encoder, size=SIZE)
    before = cache.lookup(images)
    Image.new("RGB", (16, 32), "red").save(images[1])
    assert cache.fill(images, encoder, size=SIZE) == 1
    changed = (cache.lookup(images) != before).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, False]


def test_an_interrupted_pass_goes_on(images, encoder, tmp_path, monkeypatch):
    read, calls = Image.open, []

    def fail_on_the_fourth(*args, **kwargs):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return read(*args, **kwargs)

    monkeypatch.setattr(Image, "open", fail_on_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        new_cache(tmp_path).fill(images, encoder, size=SIZE, batch_size=2)
    monkeypatch.undo()
    cache, whole = new_cache(tmp_path), LatentCache(tmp_path / "others", tmp_path / "root")
    assert cache.fill(images, encoder, size=SIZE, batch_size=2) == 3
    whole.fill(images, encoder, size=SIZE, batch_size=2)
    assert torch.equal(cache.lookup(images), whole.lookup(images)), "as an unbroken pass, to the bit"


def test_another_size_or_another_vae_has_other_latents(images, encoder, tmp_path):
    new_cache(tmp_path).fill(images, encoder, size=SIZE)
    assert new_cache(tmp_path).fill(images, encoder, size=(32, 32)) == 5
    with torch.no_grad():
        next(encoder.parameters()).add_(0.01)
    assert new_cache(tmp_path).fill(images, encoder, size=SIZE) == 5


def test_two_runs_at_once_share_a_file(images, encoder, tmp_path):
    caches = [new_cache(tmp_path), new_cache(tmp_path)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: caches[n].fill(images, encoder, size=SIZE, batch_size=1 + n), range(2)))
    assert torch.equal(caches[0].lookup(images), caches[1].lookup(images))


def test_an_unknown_image_is_named(images, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(images[:1], encoder, size=SIZE)
    with pytest.raises(KeyError, match="b.png"):
        cache.lookup(images[:2])


def test_a_damaged_row_is_made_again(images, encoder, tmp_path):
    cache = new_cache(tmp_path)
    cache.fill(images, encoder, size=SIZE)
    whole = cache.lookup(images)
    with closing(sqlite3.connect(next((tmp_path / "latents").glob("*.sqlite")))) as connection:
        connection.execute("UPDATE latents SET moments = zeroblob(length(moments)) WHERE path = 'c.png'")
        connection.commit()
    again = new_cache(tmp_path)
    assert again.fill(images, encoder, size=SIZE) == 1
    torch.testing.assert_close(again.lookup(images), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("damage", [lambda old: b"no database at all" * 100, lambda old: old[: len(old) // 2]])
def test_a_damaged_file_is_set_aside_and_made_again(images, encoder, tmp_path, damage):
    new_cache(tmp_path).fill(images, encoder, size=SIZE)
    file = next((tmp_path / "latents").glob("*.sqlite"))
    file.write_bytes(damage(file.read_bytes()))
    cache = new_cache(tmp_path)
    assert cache.fill(images, encoder, size=SIZE) == 5
    assert file.with_suffix(".damaged").exists() and cache.lookup(images).isfinite().all()


def test_a_run_that_has_the_file_open_outlives_its_replacement(images, encoder, tmp_path):
    first = new_cache(tmp_path)
    first.fill(images, encoder, size=SIZE)
    next((tmp_path / "latents").glob("*.sqlite")).write_bytes(b"broken meanwhile")
    new_cache(tmp_path).fill(images, encoder, size=SIZE)
    assert first.lookup(images).isfinite().all()


def test_two_runs_that_meet_a_damaged_file_make_it_anew_once(images, encoder, tmp_path):
    new_cache(tmp_path).fill(images, encoder, size=SIZE)
    file = next((tmp_path / "latents").glob("*.sqlite"))
    file.write_bytes(b"no database at all" * 100)
    caches = [new_cache(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda cache: cache.fill(images, encoder, size=SIZE), caches))
    assert all(torch.equal(cache.lookup(images), caches[0].lookup(images)) for cache in caches)
    assert new_cache(tmp_path).fill(images, encoder, size=SIZE) == 0
