import json
import os
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dcac_fastreid.deploy import FeatureExtractor
from dcac_fastreid.deploy.search import feature_shards
from dcac_fastreid.deploy.search.feature_folder import features_of_folder
from dcac_fastreid.deploy.search.feature_shards import FeatureShards
from dcac_fastreid.deploy.search.feature_tables import write_tables
from dcac_fastreid.errors import InputError

TABLES = ("features.npy", "index.csv", "info.json")


@pytest.fixture(scope="module")
def extract(checkpoint):
    return FeatureExtractor(checkpoint, device="cpu", batch_size=4)


@pytest.fixture
def photos(tiny_data, tmp_path):
    """18 images: five batches."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for image in sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:18]:
        shutil.copy(image, folder)
    return folder


@pytest.fixture
def in_one_go(extract, photos, tmp_path):
    write_tables(features_of_folder(extract, photos, tmp_path / "one"))
    return contents(tmp_path / "one")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


@pytest.mark.parametrize(("shards", "files"), [(1, 1), (2, 2), (3, 3), (18, 5)])
def test_in_shards_the_tables_are_those_of_one_go(shards, files, extract, photos, in_one_go, tmp_path):
    work = FeatureShards(extract, photos, tmp_path / "out", shards)
    assert work.count == files and work.missing == files
    assert "18 images" in work.work().report() and work.is_finished and work.missing == 0
    assert contents(tmp_path / "out") == in_one_go
    assert {file.name for file in (tmp_path / "out" / "shards").iterdir()} == {"plan.json", "plan.json.lock"}
    assert FeatureShards(extract, photos, tmp_path / "out", shards).work() is None, "it was finished before"


@pytest.mark.slow
def test_whoever_dies_at_any_shard_or_table_leaves_what_another_one_ends(extract, photos, tmp_path, monkeypatch):
    """As a process that is killed there: nothing after it is done."""
    for photo in sorted(photos.iterdir())[9:]:
        photo.unlink()
    write_tables(features_of_folder(extract, photos, tmp_path / "one"))
    in_one_go = contents(tmp_path / "one")
    steps = ["describe_photos", "readable", "_write_shard", "_read_shard", "write_tables", "_write_json"]
    for step in steps:
        for at in (1, 2, 3):
            out = tmp_path / f"{step}{at}"
            _die_at(monkeypatch, step, at)
            died = False
            try:
                FeatureShards(extract, photos, out, 3).work()
            except KeyboardInterrupt:
                died = True
            monkeypatch.undo()
            FeatureShards(extract, photos, out, 3).work()
            assert contents(out) == in_one_go, (step, at)
            if not died:  # it is called fewer times
                assert at > (2 if step == "_write_json" else 1)
                break


def _die_at(monkeypatch, step, at):
    real, calls = getattr(feature_shards, step), []

    def call(*args, **options):
        calls.append(1)
        if len(calls) == at:
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(feature_shards, step, call)


def test_several_at_a_time_share_the_shards(extract, photos, in_one_go, tmp_path, monkeypatch):
    computed, real = [], feature_shards._write_shard
    monkeypatch.setattr(
        feature_shards, "_write_shard", lambda file, *args: (computed.append(file.name), real(file, *args))
    )
    works = [FeatureShards(extract, photos, tmp_path / "out", 5) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(FeatureShards.work, works))
    assert sum(each is not None for each in made) == 1 and contents(tmp_path / "out") == in_one_go
    assert sorted(computed) == [f"{number:05d}-of-00005.safetensors" for number in range(5)], "each once"


def test_a_shard_that_another_process_has_done_meanwhile_is_not_computed_again(extract, photos, tmp_path, monkeypatch):
    """Between the look whether it is there and the lock."""
    work = FeatureShards(extract, photos, tmp_path / "out", 3)
    work._compute(1)
    monkeypatch.setattr(feature_shards, "_write_shard", lambda *args: pytest.fail("computed again"))
    work._compute(1)
    monkeypatch.undo()
    assert work.work()
    work._compute(1)
    assert not list((tmp_path / "out" / "shards").glob("*.safetensors")), "the tables are written"


def test_photos_that_cannot_be_read_stop_it_or_are_left_out(extract, photos, tmp_path):
    """Also where they are a whole shard."""
    for number in range(4):
        (photos / f"zz{number}.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="2 of 4 images cannot be read: .*zz0.jpg.*--skip-unreadable"):
        FeatureShards(extract, photos, tmp_path / "out", 99).work()
    made = FeatureShards(extract, photos, tmp_path / "skipped", 99, skip_unreadable=True).work()
    assert len(made.paths) == 18 and made.content["unreadable"] == [f"zz{number}.jpg" for number in range(4)]


def test_shards_that_were_begun_in_another_way_are_refused(extract, checkpoint, photos, tmp_path):
    FeatureShards(extract, photos, tmp_path / "out", 3)
    for change, different in (
        (lambda: FeatureShards(extract, photos, tmp_path / "out", 2), "shards"),
        (lambda: FeatureShards(extract, photos, tmp_path / "out", 3, skip_unreadable=True), "skip_unreadable"),
        (lambda: FeatureShards(FeatureExtractor(checkpoint, "cpu", 3), photos, tmp_path / "out", 3), "batch_size"),
        (
            lambda: (os.utime(min(photos.iterdir())), FeatureShards(extract, photos, tmp_path / "out", 3)),
            "photos_sha256",
        ),
    ):
        with pytest.raises(
            InputError, match=rf"was begun in another way, .*\({different}.*\); give the same options, or delete"
        ):
            change()


def test_where_a_table_is_gone_the_work_begins_again(extract, photos, in_one_go, tmp_path):
    out = tmp_path / "out"
    FeatureShards(extract, photos, out, 2).work()
    for gone in (["info.json"], TABLES):
        for name in gone:
            (out / name).unlink()
        work = FeatureShards(extract, photos, out, 2)
        assert not work.is_finished and work.missing == 2
        assert work.work() and contents(out) == in_one_go


def test_a_table_that_someone_has_changed_is_left_as_it_is(extract, photos, in_one_go, tmp_path):
    out = tmp_path / "out"
    FeatureShards(extract, photos, out, 2).work()
    (out / "index.csv").write_text("mine")
    for gone in ("none", "info.json"):
        (out / gone).unlink(missing_ok=True)
        with pytest.raises(InputError, match="index.csv is not what this work wrote: .*; move it away to compute"):
            FeatureShards(extract, photos, out, 2)
        assert (out / "index.csv").read_text() == "mine"
    (out / "index.csv").unlink()
    assert FeatureShards(extract, photos, out, 2).work() and contents(out) == in_one_go


def test_a_shard_that_someone_deletes_before_the_tables_are_written_is_computed_at_the_next_start(
    extract, photos, in_one_go, tmp_path, monkeypatch
):
    """Between the look whether all are there and the lock."""
    work, real = FeatureShards(extract, photos, tmp_path / "out", 3), FeatureShards._finish

    def finish(self):
        self._file(1).unlink()
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureShards, "_finish", finish)
        assert work.work() is None and work.missing == 1
    assert FeatureShards(extract, photos, tmp_path / "out", 3).work() and contents(tmp_path / "out") == in_one_go
    with pytest.raises(InputError, match="shard cannot be read .*; start again"):
        feature_shards._read_shard(tmp_path / "shard")


def test_shards_whose_plan_is_gone_are_used_for_the_same_work_alone(extract, checkpoint, photos, in_one_go, tmp_path):
    work = FeatureShards(extract, photos, tmp_path / "out", 3)
    work._compute(0)
    (plan := tmp_path / "out" / "shards" / "plan.json").unlink()
    other = FeatureExtractor(checkpoint, "cpu", batch_size=4, precision="bf16")
    with pytest.raises(InputError, match="00000-of-00003.safetensors was computed .*; delete .*shards to begin again"):
        FeatureShards(other, photos, tmp_path / "out", 3)
    assert not plan.exists()
    again = FeatureShards(extract, photos, tmp_path / "out", 3)
    assert again.missing == 2 and again.work() and contents(tmp_path / "out") == in_one_go


def test_a_shard_of_other_work_is_not_taken_in(extract, checkpoint, photos, tmp_path):
    other = FeatureExtractor(checkpoint, "cpu", batch_size=4, precision="bf16")
    for extractor, name in ((extract, "out"), (other, "other")):
        FeatureShards(extractor, photos, tmp_path / name, 3)._compute(0)
    shard = "shards/00000-of-00003.safetensors"
    shutil.copy(tmp_path / "other" / shard, tmp_path / "out" / shard)
    with pytest.raises(InputError, match="00000-of-00003.safetensors was computed .*; delete .*shards to begin again"):
        FeatureShards(extract, photos, tmp_path / "out", 3).work()


def test_shards_that_a_killed_process_left_beside_its_tables_are_deleted(extract, photos, tmp_path, monkeypatch):
    work = FeatureShards(extract, photos, tmp_path / "out", 3)
    monkeypatch.setattr(FeatureShards, "_clear", lambda self: None)
    work.work()
    monkeypatch.undo()
    assert list((tmp_path / "out" / "shards").glob("*.safetensors"))
    assert FeatureShards(extract, photos, tmp_path / "out", 3).work() is None
    assert {file.name for file in (tmp_path / "out" / "shards").iterdir()} == {"plan.json", "plan.json.lock"}


def test_a_damaged_shard_is_told(extract, photos, tmp_path):
    work = FeatureShards(extract, photos, tmp_path / "out", 3)
    work._compute(0)
    (file,) = (tmp_path / "out" / "shards").glob("*.safetensors")
    good = file.read_bytes()
    for damaged in (b"none", good[:-3], good[:-1] + bytes([good[-1] ^ 1])):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="00000-of-00003.safetensors is damaged.*; delete it and start again"):
            FeatureShards(extract, photos, tmp_path / "out", 3).work()


def test_a_photo_that_changes_during_the_work_is_told(extract, photos, tmp_path):
    work = FeatureShards(extract, photos, tmp_path / "out", 3)
    os.utime(min(photos.iterdir()), ns=(5, 5))
    with pytest.raises(InputError, match="1 photo changed during the work; delete .*shards and start again"):
        work.work()
    assert not (tmp_path / "out" / "features.npy").exists()


def command(checkpoint, photos, out, *before) -> list[str]:
    words = ["-m", "dcac_fastreid", "features", "--checkpoint", checkpoint, "--input", photos, "--output", out]
    return [sys.executable, *map(str, (*before, *words, "--shards", 5, "--batch-size", 4, "--device", "cpu"))]


@pytest.mark.slow
def test_commands_that_are_killed_at_random_moments_end_with_the_same_bytes(checkpoint, photos, in_one_go, tmp_path):
    """Three at a time, and torchrun with two processes at the end."""
    out, moments, kills = tmp_path / "out", random.Random(0), 0
    while not _finished(out) and kills < 6:
        processes = [subprocess.Popen(command(checkpoint, photos, out), stdout=subprocess.DEVNULL) for _ in range(3)]
        time.sleep(moments.uniform(8, 16))
        for process in processes:
            process.kill()
            process.wait()
        kills += 1
    subprocess.run(command(checkpoint, photos, out, "-m", "torch.distributed.run", "--nproc-per-node", 2), check=True)
    print("killed", kills, "times three processes")
    assert contents(out) == in_one_go
    subprocess.run(
        command(checkpoint, photos, tmp_path / "new", "-m", "torch.distributed.run", "--nproc-per-node", 2), check=True
    )
    assert contents(tmp_path / "new") == in_one_go


def _finished(out: Path) -> bool:
    plan = out / "shards" / "plan.json"
    return plan.exists() and json.loads(plan.read_text())["finished"]
