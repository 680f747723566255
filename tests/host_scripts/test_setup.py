"""A script's default_setup: one run holds the folder, an evaluation has its own."""

import multiprocessing
from types import SimpleNamespace

import pytest

from dcac_fastreid.engine.run_folder import take
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.run import fast_reid_for_scripts


@pytest.fixture
def begin(tmp_path):
    """What a script does first, in tmp_path/out; what its `default_setup` has written there."""

    def begin(eval_only: bool) -> set[str]:
        with fast_reid_for_scripts():
            from fastreid.config import get_cfg
            from fastreid.engine import default_setup

            cfg = get_cfg()
            cfg.merge_from_list(["MODEL.DEVICE", "cpu", "OUTPUT_DIR", str(tmp_path / "out")])
            cfg.freeze()
            default_setup(cfg, SimpleNamespace(eval_only=eval_only))
        return {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("config.yaml")}

    return begin


def test_a_second_run_is_refused_before_it_writes_and_an_evaluation_is_not(begin, tmp_path):
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()

    def hold():
        claim = take(str(tmp_path / "out"))
        ready.set()
        end.wait(60)
        claim.release()

    process = context.Process(target=hold)
    process.start()
    try:
        assert ready.wait(20)
        with pytest.raises(InputError, match=f"in use by another run .process {process.pid} "):
            begin(eval_only=False)
        assert not list(tmp_path.rglob("config.yaml"))
        assert begin(eval_only=True) == {"evaluation/config.yaml"}
    finally:
        end.set()
        process.join()
    assert begin(eval_only=False) == {"evaluation/config.yaml", "config.yaml"}


def test_a_process_that_has_not_joined_the_others_makes_no_run(begin, tmp_path, launcher):
    launcher(RANK=0, WORLD_SIZE=2, LOCAL_RANK=0)
    with pytest.raises(InputError, match="has started 2 processes, each of which would do the whole work"):
        begin(eval_only=False)
    assert list(tmp_path.iterdir()) == []
