"""What a training and a test show on standard output, and what their log.txt has besides."""

import argparse
import logging

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.engine.console import console, say_epoch, say_results
from fastreid.utils.logger import setup_logger


@pytest.fixture
def run(tmp_path, tiny_data, capsys):
    """dcac_fastreid.setup and a training on the smallest synthetic data set; returns lines on standard output, and the log."""

    def run(*, verbose: bool, opts=(), **options):
        setup_logger.cache_clear()
        logging.getLogger("fastreid").handlers.clear()
        folder = tmp_path / "run"
        tiny = ["DATASETS.ROOT", str(tiny_data), "SOLVER.IMS_PER_BATCH", "16", "OUTPUT_DIR", str(folder)]
        opts = [*tiny, *opts]
        args = argparse.Namespace(
            config_file="DCAC/synthetic/baseline/ma_ms.yml", opts=opts, verbose=verbose, resume=False, **options
        )
        cfg = dcac_fastreid.setup(args)
        if args.eval_only:
            dcac_fastreid.DCACTrainer.test(cfg, dcac_fastreid.load_for_testing(cfg))
        else:
            trainer = dcac_fastreid.DCACTrainer(cfg)
            trainer.resume_or_load(resume=False)
            trainer.train()
        logs = sorted(tmp_path.rglob("log.txt"), key=lambda file: file.stat().st_mtime)
        return capsys.readouterr().out.splitlines(), logs[-1].read_text()

    yield run
    setup_logger.cache_clear()
    logging.getLogger("fastreid").handlers.clear()


def test_a_training_shows_a_header_a_line_per_epoch_and_the_result(run, tmp_path):
    lines, log = run(verbose=False, opts=["SOLVER.MAX_EPOCH", "2"], eval_only=False)
    header, epochs, table = lines[:4], lines[4:6], lines[6:]
    assert header[0].startswith("Training PrototypicalBaseline on DG_Market1501") and "on cpu in fp32" in header[1]
    assert header[2] == f"SOLVER.SPEED auto: fp32 ({'on the CPU' if torch.cuda.is_available() else 'there is no GPU'})"
    assert header[3].endswith(str(tmp_path / "run"))
    assert [line[:9] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert all("loss_cls" in line and "lr " in line for line in epochs) and epochs[0].endswith(" left")
    assert len(table) == 3 and "mAP" in table[0] and table[2].startswith("| DG_MSMT17")
    for part in ("Environment info", "Running with full config", "backbone", *lines):
        assert part in log
    assert "csv format" not in log and "cython" not in log
    lines, log = run(verbose=False, opts=["MODEL.WEIGHTS", str(tmp_path / "run/model_final.pth")], eval_only=True)
    assert len(lines) == 4 and lines[0].startswith("Testing ") and "training in" not in log


def test_verbose_shows_what_the_log_has(run):
    lines, log = run(verbose=True, opts=["SOLVER.MAX_EPOCH", "1"], eval_only=False)
    assert any("Running with full config" in line for line in lines) and len(lines) >= len(log.splitlines())


def test_lines_of_epochs_and_results(monkeypatch):
    messages = []
    monkeypatch.setattr(console, "info", messages.append)
    say_epoch(3, 60, {"loss_cls": 1.23456}, 3.5e-6, 71.4, 7400)
    say_results({"DG_MSMT17": {"Rank-1": 50.04, "mAP": 20.06, "metric": 35.0}})
    assert messages[0] == "epoch  3/60  loss_cls 1.235  lr 3.50e-06  71 s, 2 h 3 min left"
    assert messages[1] == "| tested on   |   mAP |   Rank-1 |" and "20.1 |     50.0 |" in messages[3]
