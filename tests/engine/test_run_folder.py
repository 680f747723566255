"""One run, one folder: real processes that hold a folder, and what others get."""

import fcntl
import functools
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

import dcac_fastreid
from dcac_fastreid.engine import heartbeat
from dcac_fastreid.engine.folder_holder import HOLDER, LOCK
from dcac_fastreid.engine.run_folder import FolderInUse, check_free, take
from dcac_fastreid.errors import InputError
from fastreid.engine import default_argument_parser
from fastreid.engine.train_loop import HookBase

from .other_machine import CONTEXT, another_process, no_locks, take_as_another_machine

ELSEWHERE = {"host": "gpu7", "boot": "another", "process": 77, "since": "2026-01-02 03:04:05 +0000"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def command(configs, tiny_data, tmp_path):
    """fast-reid's parsed command line of a training on the tiny data set, in tmp_path/out."""

    def command(*options, weights=""):
        words = [
            "--config-file", str(configs / "synthetic" / "baseline" / "ma_ms.yml"), *options, "DATASETS.ROOT", str(tiny_data),
            "OUTPUT_DIR", str(tmp_path / "out"), "SOLVER.IMS_PER_BATCH", "16", "MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED",
            "False", "MODEL.WEIGHTS", weights,
        ]  # fmt: skip
        return default_argument_parser().parse_args(words)

    return command


@pytest.mark.parametrize("name", ["metrics.json", "log.txt", "stamp.json", "config.yaml"])
def test_a_folder_in_the_place_of_a_file_of_the_run_is_told_before_anything_is_written(command, tmp_path, name):
    (tmp_path / "out" / name).mkdir(parents=True)
    with pytest.raises(InputError, match=f"{name} is a folder, where a file is to be written"):
        dcac_fastreid.check_command(command("--resume"))
    assert [file.name for file in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.parametrize("options", [(), ("--resume",)], ids=["training", "resumed"])
def test_a_second_run_is_refused_before_anything_is_moved_or_written(command, tmp_path, options):
    args = command(*options)
    (tmp_path / "out").mkdir()
    for name in ("model_0.pth", "last_checkpoint", "metrics.json"):
        (tmp_path / "out" / name).write_text("of the first")
    with another_process(take, str(tmp_path / "out")) as first:
        before = contents(tmp_path / "out")
        for begin in (dcac_fastreid.setup, dcac_fastreid.check_command):
            with pytest.raises(InputError) as refusal:
                begin(args)
            assert re.fullmatch(
                rf"{tmp_path}/out is in use by another run \(process {first.pid} on {re.escape(socket.gethostname())}, since "
                r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+\d{4}\); wait until it ends, or give this one another folder",
                str(refusal.value),
            )
        assert contents(tmp_path / "out") == before


def test_a_trainer_without_setup_holds_the_folder_until_its_training_ends(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml")
    with another_process(dcac_fastreid.DCACTrainer, cfg), pytest.raises(InputError, match="in use by another run"):
        dcac_fastreid.DCACTrainer(cfg)
    trainer = dcac_fastreid.DCACTrainer(cfg)
    trainer.resume_or_load(resume=False)
    seen = []
    trainer.register_hooks([_Refused(cfg, seen)])
    trainer.train()
    assert seen == [True] * 3, "two runs of one process"
    assert not (tmp_path / "out" / HOLDER).exists()
    with another_process(take, cfg.OUTPUT_DIR):
        pass  # free again


class _Refused(HookBase):
    """At every step, whether another run of this process and of another one is refused."""

    def __init__(self, cfg, seen):
        self.cfg, self.seen = cfg, seen

    def after_step(self):
        with pytest.raises(InputError, match=f"another run of this process .{os.getpid()}."):
            dcac_fastreid.DCACTrainer(self.cfg)
        self.seen.append(refused_in_another_process(self.cfg.OUTPUT_DIR))


def refused_in_another_process(folder: str) -> bool:
    def ask():
        try:
            take(folder)
        except InputError:
            os._exit(3)

    process = CONTEXT.Process(target=ask)
    process.start()
    process.join()
    return process.exitcode == 3


def test_setup_and_trainer_are_one_run_and_of_two_the_later_one_has_the_folder(command):
    cfg = dcac_fastreid.setup(command())
    first, second = dcac_fastreid.DCACTrainer(cfg), dcac_fastreid.DCACTrainer(cfg)
    with pytest.raises(InputError, match="another run of this process"):
        first.train()
    second._run_folder.release()


def test_an_evaluation_runs_beside_the_training_and_not_beside_another_evaluation(command, tmp_path, resnet_run):
    evaluation = command("--eval-only", weights=str(resnet_run / "model_final.pth"))
    with another_process(take, str(tmp_path / "out")):
        with another_process(dcac_fastreid.setup, evaluation) as first:
            with pytest.raises(InputError, match=f"^{tmp_path}/out/evaluation is in use by .* .process {first.pid} "):
                dcac_fastreid.setup(evaluation)
        dcac_fastreid.setup(evaluation)


def test_the_folder_is_the_same_under_another_name(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path / "out")
    (tmp_path / "above").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    with another_process(take, str(tmp_path / "out")):
        for name in ("link", "out/", "./out/../out", "above/link"):
            with pytest.raises(InputError, match="in use by another run"):
                take(name)


def test_a_killed_run_leaves_the_folder_free_at_once_though_its_helpers_live(tmp_path):
    helper = CONTEXT.Value("i", 0)

    def hold_and_fork():
        claim = take(str(tmp_path))
        forked = os.fork()
        if not forked:
            time.sleep(600)
        helper.value = forked
        return claim

    with another_process(hold_and_fork) as first:
        first.kill()
        first.join()
        assert helper.value > 0
        try:
            os.kill(helper.value, 0)  # it lives
            assert json.loads((tmp_path / HOLDER).read_text())["process"] == first.pid
            begin = time.monotonic()
            take(str(tmp_path)).release()
            assert time.monotonic() - begin < 0.4
        finally:
            os.kill(helper.value, signal.SIGKILL)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "5", "\udcff", "[" * 100_000, '{"host": "\x1b[31m\\n"}', '{"process": {}}'],
    ids=["empty", "cut", "list", "null", "number", "no text", "deep", "escapes", "no host"],
)  # fmt: skip
def test_a_damaged_note_of_the_holder_spoils_nothing(tmp_path, text):
    with another_process(take, str(tmp_path)):
        (tmp_path / HOLDER).write_text(text, errors="surrogateescape")
        with pytest.raises(InputError, match=f"^{tmp_path} is in use by another run") as refusal:
            take(str(tmp_path))
        assert str(refusal.value).isprintable() and "wait until it ends" in str(refusal.value)
    if "host" not in text:
        take(str(tmp_path)).release()


def test_what_another_machine_may_hold_is_freed_as_the_sentence_says(tmp_path):
    folder = tmp_path / "it's here"
    folder.mkdir()
    (folder / HOLDER).write_text(json.dumps(ELSEWHERE))
    (folder / LOCK).touch()
    for begin in (take, check_free):
        with pytest.raises(InputError) as refusal:
            begin(str(folder))
        assert "(process 77 on gpu7, since 2026-01-02 03:04:05 +0000)" in str(refusal.value)
    subprocess.run(["sh", "-c", re.search(r"\((rm .*)\) and start", str(refusal.value))[1]], check=True)
    assert list(folder.iterdir()) == []
    take(str(folder)).release()


@pytest.mark.parametrize("known", ["host", "boot"])
def test_this_machine_may_have_another_name_as_its_containers_have(tmp_path, known):
    take(str(tmp_path)).__enter__()
    me = json.loads((tmp_path / HOLDER).read_text())
    take_again = {**ELSEWHERE, known: me[known]}
    dcac_fastreid.engine.run_folder._claims[str(tmp_path)].release()
    (tmp_path / HOLDER).write_text(json.dumps(take_again))
    take(str(tmp_path)).release()


def test_the_holder_on_another_machine_of_a_lock_that_is_seen_is_named_with_the_way_out(tmp_path):
    with another_process(take, str(tmp_path)):
        (tmp_path / HOLDER).write_text(json.dumps(ELSEWHERE))
        with pytest.raises(InputError, match=r"process 77 on gpu7.*if that one has ended, remove its lock \(rm "):
            take(str(tmp_path))


@pytest.mark.parametrize("drive_has_locks", [True, False])
def test_a_run_of_another_machine_has_the_folder_as_long_as_it_gives_signs_of_life(
    tmp_path, quick_beats, monkeypatch, caplog, drive_has_locks
):
    if not drive_has_locks:
        monkeypatch.setattr(fcntl, "flock", no_locks)
    take_there = functools.partial(take_as_another_machine, drive_has_locks=drive_has_locks)
    with another_process(take_there, tmp_path) as other:
        with pytest.raises(FolderInUse, match=f"process {other.pid} on gpu7"):
            take(str(tmp_path))
        other.kill()
        other.join()
        with caplog.at_level("WARNING", "fastreid.dcac"):
            claim = take(str(tmp_path))
        assert "the run on gpu7 has given no sign of life; this one goes on with it" in caplog.text
        assert json.loads((tmp_path / HOLDER).read_text())["process"] == os.getpid()
        claim.release()
    assert not (tmp_path / HOLDER).exists()


def test_the_signs_of_life_end_with_the_run_and_not_with_a_claim_that_another_one_takes_over(tmp_path, quick_beats):
    setup = take(str(tmp_path))
    trainer = take(str(tmp_path))
    setup.release()
    assert not heartbeat.falls_silent(tmp_path / HOLDER)
    trainer.release()
    (tmp_path / HOLDER).touch()
    assert heartbeat.falls_silent(tmp_path / HOLDER)
    assert not heartbeat.falls_silent(tmp_path / "nothing")


def test_a_drive_without_locks_is_held_by_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with another_process(take, str(tmp_path)) as first:
        with pytest.raises(InputError, match=f"in use by another run .process {first.pid} "):
            take(str(tmp_path))
    take(str(tmp_path)).release()  # of a killed process: free again


@pytest.mark.parametrize("way", ["folder", "link"])
def test_a_lock_that_cannot_be_opened_is_named(tmp_path, way):
    if way == "folder":
        (tmp_path / LOCK).mkdir()
    else:
        (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"{tmp_path}/{LOCK}, which keeps other runs out, cannot be opened"):
        take(str(tmp_path))


def test_looking_makes_nothing(tmp_path):
    check_free(str(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_has_not_joined_the_others_makes_no_run(command, tmp_path, launcher):
    launcher(RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)
    with pytest.raises(InputError, match="has started 2 processes, each of which would do the whole work; start one"):
        dcac_fastreid.setup(command())
    assert list(tmp_path.iterdir()) == []


def test_a_launcher_that_has_set_half_is_refused(command, tmp_path, launcher):
    launcher(WORLD_SIZE=2)
    with pytest.raises(
        InputError, match="^a launcher has set WORLD_SIZE 2 in the environment, but not RANK, LOCAL_RANK"
    ):
        dcac_fastreid.check_command(command())
    assert list(tmp_path.iterdir()) == []
