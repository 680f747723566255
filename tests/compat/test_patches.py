"""The list of patches, and the host's own trainer under all of them."""

import inspect
import json
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
from fastreid.data import build, common, transforms
from fastreid.engine import defaults, hooks, train_loop
from fastreid.engine.train_loop import SimpleTrainer, TrainerBase
from fastreid.evaluation import rank, reid_evaluation
from fastreid.modeling.backbones.regnet import regnet
from fastreid.modeling.meta_arch import Baseline
from fastreid.utils import compute_dist, events
from fastreid.utils.checkpoint import Checkpointer

REPOSITORY = Path(compat.__file__).parents[2]


def replaced_names():
    names = (
        (defaults, ("AMPTrainer", "build_optimizer")),
        (defaults.DefaultTrainer, ("_last_eval_results", "__init__")),
        (build, ("DataLoaderX",)),
        (common, ("read_image",)),
        (transforms.build, ("T",)),
        (regnet, ("regnet_cfg", "init_pretrained_weights")),
        (Baseline, ("preprocess_image",)),
        (TrainerBase, ("train", "before_train", "after_train")),
        (SimpleTrainer, ("_write_metrics",)),
        (hooks.LRScheduler, ("before_step",)),
        (events, ("EventStorage",)),
        (train_loop, ("EventStorage",)),
        (hooks.PeriodicWriter, ("after_step",)),
        (hooks.EvalHook, ("after_epoch", "after_train")),
        (hooks.PeriodicCheckpointer, ("__init__",)),
        (Checkpointer, ("save", "tag_last_checkpoint")),
        (reid_evaluation, ("compile_helper",)),
        (reid_evaluation.ReidEvaluator, ("evaluate",)),
        (rank, ("evaluate_rank",)),
        (compute_dist, ("compute_euclidean_distance", "compute_jaccard_distance")),
        (torch.optim, ("Lamb",)),
    )
    return [getattr(owner, name) for owner, owned in names for name in owned]


def test_a_second_apply_changes_nothing():
    before = replaced_names()
    compat.apply()
    assert all(now is then for now, then in zip(replaced_names(), before, strict=True))


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
    written = json.loads((market_root / "metrics.json").read_text().splitlines()[-1])
    assert written["mAP"] == pytest.approx(results["mAP"])


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
