"""What a launcher's environment and a command line ask for, and what is refused before any process is started."""

import os
import socket

import pytest

from dcac_fastreid.distributed import launch
from dcac_fastreid.distributed.join import Place, check_joined, launched, machines
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.engine.trial_model import check_model
from dcac_fastreid.errors import InputError

RESNET = ("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512,
          "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool")  # fmt: skip
VIT = ("MODEL.BACKBONE.NAME", "build_vit_backbone", "MODEL.BACKBONE.DEPTH", "small", "MODEL.BACKBONE.FEAT_DIM", 768,
       "MODEL.BACKBONE.PRETRAIN", False, "MODEL.BACKBONE.DROP_PATH_RATIO", 0.1)  # fmt: skip


def test_the_environment_of_torchrun_is_read(launcher):
    assert launched() is None
    launcher(RANK=0, WORLD_SIZE=1, LOCAL_RANK=0)
    assert launched() is None
    launcher(RANK=5, WORLD_SIZE=8, LOCAL_RANK=1)
    assert launched() == Place(5, 8, 1) and launch.processes_of(1, 1) == 8
    with pytest.raises(InputError, match="^a launcher .torchrun. has started 8 processes, each of which would do the"):
        check_joined()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": 2}, "has set WORLD_SIZE 2 in the environment, but not RANK, LOCAL_RANK; start with torchrun"),
        ({"RANK": 1}, "has set RANK 1 in the environment, but not WORLD_SIZE, LOCAL_RANK"),
        ({"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_PORT": ""}, "but not MASTER_PORT; start with torchrun"),
        ({"RANK": "one", "WORLD_SIZE": 2, "LOCAL_RANK": 0}, "has RANK 'one', .* expected whole numbers"),
        ({"RANK": 2, "WORLD_SIZE": 2, "LOCAL_RANK": 0}, "has RANK 2, WORLD_SIZE 2 and LOCAL_RANK 0; expected"),
    ],
)
def test_half_an_environment_is_one_sentence(launcher, variables, message):
    launcher(**variables)
    with pytest.raises(InputError, match=message):
        launched()


def test_machines_are_told_from_hosts_and_local_ranks():
    assert machines([("a", 0), ("a", 1), ("b", 0), ("b", 1)]) == [[0, 1], [2, 3]]
    assert machines([("a", 0), ("b", 0), ("a", 1), ("b", 1)]) == [[0, 2], [1, 3]]  # as Slurm may deal them out
    assert machines([("a", 0), ("a", 1), ("a", 0)]) == [[0, 1], [2]]  # two launchers on one host


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0,), "--num-gpus is 0; expected 1 or more"),
        ((launch.PER_CORE * os.cpu_count() + 1,), "PyTorch finds no GPU to use on this machine, whose"),
        ((1, 2, 2), "--machine-rank is 2 and --num-machines 2; expected a number from 0"),
        ((1, 2, 0), "--dist-url is auto, by which 2 machines do not find each other; name an address of the first"),
    ],
)
def test_processes_that_cannot_begin_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        launch.check_processes(*options, on_gpus=False)


def test_a_launcher_and_options_that_ask_for_processes_are_too_much(launcher):
    launcher(RANK=0, WORLD_SIZE=2, LOCAL_RANK=0)
    launch.check_processes(1)
    with pytest.raises(InputError, match="has started 2 processes, and --num-gpus 2 --num-machines 1 asks for more"):
        launch.check_processes(2, on_gpus=False)


@pytest.mark.parametrize(
    ("opts", "processes", "message"),
    [
        (
            (),
            3,
            "SOLVER.IMS_PER_BATCH is 16, the batch of all processes together, which 3 processes do not divide .* 15",
        ),
    ],
)
def test_settings_of_several_processes_are_one_sentence(make_cfg, opts, processes, message):
    check_settings(make_cfg("ma_ms.yml", *opts), training=True, processes=1)
    with pytest.raises(InputError, match=message):
        check_settings(make_cfg("ma_ms.yml", *opts), training=True, processes=processes)


def test_one_gpu_for_several_processes_is_refused(make_cfg):
    cfg = make_cfg()
    cfg.defrost()
    cfg.MODEL.DEVICE = "cuda:1"
    with pytest.raises(
        InputError, match="MODEL.DEVICE is cuda:1, on which 2 processes would all compute; set MODEL.DEVICE"
    ):
        check_settings(cfg, training=True, processes=2)


@pytest.mark.parametrize(
    ("backbone", "what"), [(RESNET, "batch normalisation, whose statistics"), (VIT, "dropout, whose")]
)
def test_backbones_that_see_more_than_a_row_train_dcac_in_one_process(make_cfg, backbone, what):
    cfg = make_cfg("ma_ms.yml", *backbone)
    check_model(cfg, training=True, processes=1)
    with pytest.raises(InputError, match=f"{backbone[1]} has {what}"):
        check_model(cfg, training=True, processes=2)
    host = make_cfg(
        "baseline/ma_ms.yml",
        *backbone,
        "MODEL.META_ARCHITECTURE",
        "Baseline",
        "MODEL.LOSSES.NAME",
        ("CrossEntropyLoss",),
    )
    check_model(host, training=True, processes=2)


def test_a_port_that_is_taken_is_one_sentence_about_the_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            InputError, match=f"^--dist-url is {url}, which cannot be opened .*; name a free port of machine 0"
        ):
            launch.launch(print, 1, 2, 0, url, on_gpus=False)


class EndsMeanwhile:
    """A process that ends with a status behind the first question for it."""

    def __init__(self, status: int):
        self.sentinel, writer = os.pipe()
        os.close(writer)  # it can be read from: the process has ended
        self._statuses = iter([None, status])
        self._status = status

    @property
    def exitcode(self) -> int | None:
        return next(self._statuses, self._status)


@pytest.mark.parametrize("status, failed", [(2, 1), (-9, 1), (0, None)])
def test_a_process_that_fails_while_others_are_asked_has_failed(status, failed):
    process = EndsMeanwhile(status)
    try:
        assert launch._first_failed({1: process}) == failed
    finally:
        os.close(process.sentinel)
