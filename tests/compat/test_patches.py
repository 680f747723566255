"""The list of patches, and the host's own trainer under all of them."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import fastreid
from dcac_fastreid import compat
from dcac_fastreid.compat.mixed_precision import MixedPrecisionTrainer
from fastreid.data import build
from fastreid.engine import defaults
from fastreid.engine.train_loop import SimpleTrainer, TrainerBase
from fastreid.evaluation import rank, reid_evaluation
from fastreid.utils.events import CommonMetricPrinter

REPOSITORY = Path(compat.__file__).parents[2]


def replaced_names():
    names = (
        (defaults, ("AMPTrainer",)),
        (build, ("DataLoaderX",)),
        (TrainerBase, ("train", "after_train")),
        (SimpleTrainer, ("_write_metrics",)),
        (CommonMetricPrinter, ("write",)),
        (reid_evaluation, ("compile_helper",)),
        (rank, ("evaluate_rank",)),
    )
    values = [getattr(owner, name) for owner, owned in names for name in owned]
    optimizer = defaults.build_optimizer
    return values + [optimizer.func, optimizer.keywords]


def test_a_second_apply_changes_nothing():
    before = replaced_names()
    compat.apply()
    assert replaced_names() == before


@pytest.mark.parametrize("patch", [patch for patch, _ in compat.PATCHES])
def test_every_patch_names_the_host_line(patch):
    module, function = patch.split(".")
    contract = inspect.getdoc(getattr(import_module(f"dcac_fastreid.compat.{module}"), function))
    lines = re.findall(r"fastreid/([\w/]+\.py):(\d+)", contract)
    assert lines or patch == "imports.require_host"
    for path, number in lines:
        assert len((Path(fastreid.__file__).parent / path).read_text().splitlines()) >= int(number)


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_host_trainer_trains_every_parameter_and_evaluates(market_root, host_cfg, mixed_precision):
    host_cfg.SOLVER.AMP.ENABLED = mixed_precision
    trainer = defaults.DefaultTrainer(host_cfg)
    assert type(trainer._trainer) is (MixedPrecisionTrainer if mixed_precision else SimpleTrainer)
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    results = trainer.train()
    trainable = [(name, value) for name, value in trainer.model.named_parameters() if value.requires_grad]
    assert trainable
    assert not [name for name, value in trainable if torch.equal(value, before[name])]
    assert np.isfinite([results[key] for key in ("mAP", "Rank-1", "Rank-10")]).all()
    assert results["Rank-10"] == 100


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a fresh process prints that has a checkout of fast-reid on PYTHONPATH before the installed wheel."""
    folder = tmp_path_factory.mktemp("fast-reid")
    shutil.copytree(Path(fastreid.__file__).parent, folder / "fastreid")
    program = (
        "import sys, dcac_fastreid, fastreid\n"
        "print(fastreid.__file__)\n"
        "print(sorted({'diffusers', 'peft', 'open_clip'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.splitlines()


def test_a_checkout_on_the_path_serves_as_host(checkout):
    folder, (host_file, _) = checkout
    assert Path(host_file) == folder / "fastreid" / "__init__.py"


def test_import_opens_no_heavy_library(checkout):
    _, (_, heavy) = checkout
    assert heavy == "[]"
