"""The encoder that comes with the package: small, whole, described, and at work in a process that has nothing else."""

import subprocess
import sys

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file

from dcac_fastreid import load_config
from dcac_fastreid.checkpoint import load_for_testing
from dcac_fastreid.data import file_sha256
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.shipped import SYNTHETIC_ENCODER

FILE = SYNTHETIC_ENCODER / "encoder.safetensors"
ALONE = """
import os, socket
def refuse(*args, **kwargs):
    raise OSError("no network")
socket.socket.connect = refuse
import numpy as np
from dcac_fastreid import FeatureExtractor
extract = FeatureExtractor("synthetic", device="cpu")
generator = np.random.default_rng(0)
features = extract([generator.integers(0, 255, (90, 40, 3), dtype=np.uint8) for _ in range(3)])
dtypes = {str(weight.dtype) for weight in extract.encoder.model.parameters()}
print(tuple(features.shape), bool(features.isfinite().all()), dtypes, os.listdir(os.environ["HOME"]))
"""


def test_it_is_small_and_its_card_is_of_it():
    assert sum(file.stat().st_size for file in SYNTHETIC_ENCODER.iterdir()) < 2e6
    assert {weight.dtype for weight in load_file(FILE).values() if weight.ndim > 1} == {torch.float16}
    card = ModelCard.load(SYNTHETIC_ENCODER / "README.md")
    for name in ("encoder.safetensors", "encoder.yml"):
        assert file_sha256(SYNTHETIC_ENCODER / name) in card.text
    for words in ("a toy", "make toy-encoder", "seed 0", "commit ", "- data: Apache-2.0", "no real person"):
        assert words in card.text, words
    assert card.data.license == "apache-2.0" and len({each.dataset_type for each in card.data.eval_results}) == 4


def test_it_needs_no_network_no_cache_and_no_data(tmp_path):
    """In a home folder that is empty and stays so."""
    environment = {"HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(SYNTHETIC_ENCODER.parent.parent.parent)}
    finished = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert finished.stdout.strip() == "(3, 128) True {'torch.float32'} []", finished.stderr
    assert finished.stderr.count("the encoder 'synthetic' is a toy, trained on synthetic images alone") == 1


@pytest.mark.slow
def test_the_metrics_of_its_card_come_out_again(configs):
    """With the weights rounded to fp16; makes the synthetic data set of seed 0 where it is not there yet."""
    opts = ["MODEL.DEVICE", "cpu", "MODEL.WEIGHTS", str(FILE), "MODEL.BACKBONE.PRETRAIN", False]
    cfg = load_config(str(configs / "synthetic" / "recommended" / "ma_ms.yml"), opts)
    found = DCACTrainer.test(cfg, load_for_testing(cfg))
    told = {
        each.metric_type: each.metric_value
        for each in ModelCard.load(SYNTHETIC_ENCODER / "README.md").data.eval_results
        if each.dataset_type.endswith("msmt17")
    }
    assert abs(found["mAP"] - told["map"]) < 0.1 and abs(found["Rank-1"] - told["rank-1"]) < 0.5
