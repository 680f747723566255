"""SOLVER.SPEED: what is chosen on which machine, which keys win over it, and what a resumed run keeps. GPUs are pretended."""

import argparse
import logging
import re
import sys

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.engine.speed import describe_speed
from dcac_fastreid.errors import InputError
from fastreid.config import get_cfg

DCAC, BASELINE = "DCAC/synthetic/ma_ms.yml", "DCAC/synthetic/baseline/ma_ms.yml"
AMPERE, TURING = ("NVIDIA A100", (8, 0)), ("Tesla T4", (7, 5))
FAST = (True, "bf16", True)  # SOLVER.AMP.ENABLED, AMP.DTYPE, CUDA_GRAPH
AUTHORS = (True, "fp16", False)
PLAIN = (False, "fp16", False)  # the keys' defaults


@pytest.fixture
def machine(monkeypatch):
    """Pretends that the machine has two GPUs of this kind, or none."""

    def pretend(gpu: tuple[str, tuple[int, int]] | None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu is not None)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2 if gpu else 0)
        if gpu:
            monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: gpu[0])
            monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: gpu[1])

    return pretend


def chosen(*opts, config: str = DCAC, processes: int = 1) -> tuple:
    """The three keys, and the line about them."""
    cfg = dcac_fastreid.load_config(config, opts, processes=processes)
    amp = cfg.SOLVER.AMP
    return (amp.ENABLED, amp.DTYPE, cfg.SOLVER.CUDA_GRAPH), describe_speed(cfg, processes)


BALANCED = ("MODEL.DCAC.BALANCE", 1.0)
MICRO = ("SOLVER.MICRO_BATCH", 8)


@pytest.mark.parametrize(
    ("gpu", "opts", "keys", "line"),
    [
        (AMPERE, (), FAST, "SOLVER.SPEED auto: bf16, steps to be recorded as a CUDA graph"),
        (AMPERE, ("MODEL.DEVICE", "cuda:1"), FAST, "SOLVER.SPEED auto: bf16, steps to be recorded as a CUDA graph"),
        (
            *(AMPERE, MICRO, (True, "bf16", False)),
            "SOLVER.SPEED auto: bf16, steps not recorded: activations are computed again",
        ),
        (
            *(AMPERE, ("MODEL.DCAC.TELEMETRY", 5), (True, "bf16", False)),
            "SOLVER.SPEED auto: bf16, steps not recorded: MODEL.DCAC.TELEMETRY looks into steps, and not into recorded ones",
        ),
        (
            *(TURING, (), AUTHORS),
            "SOLVER.SPEED auto: fp16 with a loss scaler, steps not recorded: fp16 decides after every step whether it counts "
            "(Tesla T4 has no bf16)",
        ),
        (
            *(TURING, BALANCED, (False, "fp16", True)),
            "SOLVER.SPEED auto: fp32, steps to be recorded as a CUDA graph (Tesla T4 has no bf16)",
        ),
        (
            *(TURING, (*BALANCED, "SOLVER.AMP.ENABLED", True), FAST),
            "SOLVER.SPEED auto, but the config has AMP.ENABLED True: bf16, steps to be recorded as a CUDA graph "
            "(Tesla T4 emulates bf16)",
        ),
        (AMPERE, ("MODEL.DEVICE", "cpu"), PLAIN, "SOLVER.SPEED auto: fp32 (on the CPU)"),
        (None, (), PLAIN, "SOLVER.SPEED auto: fp32 (there is no GPU)"),
        (AMPERE, ("SOLVER.SPEED", "authors"), AUTHORS, "SOLVER.SPEED authors: fp16 with a loss scaler"),
        (None, ("SOLVER.SPEED", "authors"), PLAIN, "SOLVER.SPEED authors: fp32 (there is no GPU)"),
        # What is said wins.
        (
            *(AMPERE, ("SOLVER.AMP.ENABLED", False), (False, "fp16", True)),
            "SOLVER.SPEED auto, but the config has AMP.ENABLED False: fp32, steps to be recorded as a CUDA graph",
        ),
        (
            *(AMPERE, ("SOLVER.AMP.DTYPE", "fp16"), AUTHORS),
            "SOLVER.SPEED auto, but the config has AMP.DTYPE fp16: fp16 with a loss scaler, steps not recorded: fp16 decides after "
            "every step whether it counts",
        ),
        (
            *(AMPERE, ("SOLVER.CUDA_GRAPH", False), (True, "bf16", False)),
            "SOLVER.SPEED auto, but the config has CUDA_GRAPH False: bf16, steps not recorded",
        ),
        (
            *(AMPERE, ("SOLVER.SPEED", "authors", "SOLVER.AMP.DTYPE", "bf16", "SOLVER.CUDA_GRAPH", True), FAST),
            "SOLVER.SPEED authors, but the config has AMP.DTYPE bf16, CUDA_GRAPH True: bf16, steps to be recorded as a CUDA graph",
        ),
        # fast-reid's own architectures train as they do without this package.
        (AMPERE, ("MODEL.META_ARCHITECTURE", "Baseline"), PLAIN, ""),
    ],
)  # fmt: skip
def test_what_is_chosen_and_the_line_that_says_it(machine, gpu, opts, keys, line):
    machine(gpu)
    assert chosen(*opts) == (keys, line)


def test_several_processes_train_in_bf16_without_recording(machine):
    machine(AMPERE)
    keys, line = chosen(processes=2)
    assert keys == (True, "bf16", False)
    assert line == "SOLVER.SPEED auto: bf16, steps not recorded: 2 processes share each step"


@pytest.mark.parametrize(
    "config", ["DCAC/ma_ms.yml", "DCAC/baseline/ma_ms.yml", "DCAC/recommended/ma_ms.yml", BASELINE]
)
def test_shipped_configs_leave_it_to_the_machine(machine, config):
    machine(AMPERE)
    assert chosen(config=config)[0] == FAST


@pytest.mark.parametrize("name", ["ma_ms", "ms_ma", "d_ma", "c3_ma"])
def test_configs_of_the_authors_code_train_in_fp16(machine, name):
    machine(AMPERE)
    config = f"DCAC/authors/{name}.yml"
    assert chosen(config=config) == (AUTHORS, "SOLVER.SPEED authors: fp16 with a loss scaler")
    assert chosen("MODEL.DEVICE", "cpu", config=config)[0] == PLAIN
    assert (
        chosen("MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", True, config=config)[0] == AUTHORS
    )  # which check_settings refuses
    machine(None)
    assert chosen(config=config)[0] == PLAIN


def test_a_config_that_a_program_makes_trains_as_its_keys_say(machine, configs):
    machine(AMPERE)
    lines = []
    for name in ("ma_ms", "authors/ma_ms"):
        cfg = get_cfg()
        dcac_fastreid.add_dcac_config(cfg)
        cfg.merge_from_file(str(configs / f"{name}.yml"))
        lines.append(describe_speed(cfg, 1))
    assert lines == [
        "SOLVER.SPEED auto, but the config has AMP.ENABLED False, CUDA_GRAPH False: fp32, steps not recorded",
        "SOLVER.SPEED authors: fp16 with a loss scaler",
    ]


def test_a_file_wins_as_well_as_the_command_line(machine, tmp_path, configs):
    machine(AMPERE)
    file = tmp_path / "mine.yml"
    file.write_text(f"_BASE_: {configs}/synthetic/ma_ms.yml\nSOLVER: {{AMP: {{DTYPE: fp16}}}}\n")
    assert chosen(config=str(file))[0] == AUTHORS
    assert chosen("SOLVER.AMP.DTYPE", "bf16", config=str(file))[0] == FAST


@pytest.mark.parametrize("value", ["fast", "", True, "AUTO"])
def test_another_word_is_refused(value):
    with pytest.raises(InputError, match="SOLVER.SPEED is .*; known are authors, auto"):
        chosen("SOLVER.SPEED", value)


@pytest.fixture
def resumed(tmp_path, monkeypatch):
    """The three keys of a command that goes on with a run whose config.yaml has these keys; nothing is written."""
    monkeypatch.setattr(sys.modules["dcac_fastreid.engine.setup"], "default_setup", lambda *args: None)

    def resume(began: tuple, device: str, *opts, speed: str | None = "auto") -> tuple:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        cfg = dcac_fastreid.load_config(DCAC, ["MODEL.DEVICE", "cpu", "OUTPUT_DIR", str(folder)]).clone()
        cfg.defrost()
        cfg.MODEL.DEVICE, (cfg.SOLVER.AMP.ENABLED, cfg.SOLVER.AMP.DTYPE, cfg.SOLVER.CUDA_GRAPH) = device, began
        cfg.SOLVER.SPEED = speed
        if speed is None:  # as an earlier version wrote it
            del cfg.SOLVER["SPEED"]
        (folder / "config.yaml").write_text(cfg.dump())
        opts = ["OUTPUT_DIR", str(folder), *opts]
        args = argparse.Namespace(config_file=DCAC, opts=opts, resume=True, eval_only=False, verbose=True)
        solver = dcac_fastreid.setup(args).SOLVER
        return solver.AMP.ENABLED, solver.AMP.DTYPE, solver.CUDA_GRAPH

    return resume


def test_a_resumed_run_keeps_its_precision(machine, resumed):
    machine(AMPERE)
    assert resumed(AUTHORS, "cuda", speed=None) == AUTHORS  # of a version without the key
    assert resumed((False, "fp16", False), "cuda:0") == (False, "fp16", True)
    assert resumed(FAST, "cuda") == FAST
    # What the command says wins, and another SOLVER.SPEED chooses again.
    assert resumed(AUTHORS, "cuda", "SOLVER.AMP.DTYPE", "bf16") == FAST
    assert resumed(FAST, "cuda", "SOLVER.SPEED", "authors") == AUTHORS


def test_on_another_device_a_resumed_run_takes_what_is_there(machine, resumed):
    machine(None)
    assert resumed(FAST, "cuda") == PLAIN
    machine(TURING)
    assert resumed(FAST, "cuda") == AUTHORS
    machine(AMPERE)
    assert resumed(PLAIN, "cpu") == FAST


def test_the_log_says_that_the_precision_is_another_one(make_trainer, caplog, monkeypatch):
    trainer = make_trainer("baseline/ma_ms.yml", "TEST.EVAL_PERIOD", 0)
    trainer.train()
    monkeypatch.setattr(logging.getLogger("fastreid.dcac"), "handlers", [caplog.handler])
    for of_run, told in (
        ({"precision": "bf16"}, "The run was in bf16, it goes on in fp32: not to the bit"),
        ({"precision": "bf16", "device": "cuda"}, "on on cpu: .*; it was in bf16, it goes on in fp32"),
        ({}, "^$"),
    ):
        caplog.clear()
        trainer.progress.load_state_dict({**trainer.progress.state_dict(), **of_run})
        trainer.progress.restore()
        assert re.search(told, caplog.text)
