"""A drawn Market1501 folder and a small configuration of the host's own Baseline."""

import dcac_fastreid  # noqa: F401  # before any test module imports the host, which needs the patches

# isort: split

import numpy as np
import pytest
import torch
from PIL import Image

from fastreid.config import get_cfg
from fastreid.modeling.backbones import BACKBONE_REGISTRY


@BACKBONE_REGISTRY.register()
def build_tiny_backbone(cfg):
    """Two convolutions, one with batch normalisation: (B, 3, H, W) to (B, FEAT_DIM, H / 16, W / 16)."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 4, 4),
        torch.nn.BatchNorm2d(16),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, cfg.MODEL.BACKBONE.FEAT_DIM, 4, 4),
    )


def draw(folder, identities, cameras, shots):
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for identity in identities:
        for camera in range(1, cameras + 1):
            for shot in range(shots):
                pixels = generator.integers(0, 255, (64, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{identity:04d}_c{camera}s1_{shot:06d}_01.jpg")


@pytest.fixture
def market_root(tmp_path, monkeypatch):
    """8 identities to train on; 4 queries and a gallery of 8."""
    market = tmp_path / "Market-1501-v15.09.15"
    draw(market / "bounding_box_train", range(1, 9), cameras=2, shots=2)
    draw(market / "query", range(9, 13), cameras=1, shots=1)
    draw(market / "bounding_box_test", range(9, 13), cameras=2, shots=1)
    monkeypatch.setattr("fastreid.data.build._root", str(tmp_path))
    return tmp_path


@pytest.fixture
def host_cfg(tmp_path):
    """A tiny backbone under the host's Baseline, one epoch of four steps."""
    cfg = get_cfg()
    cfg.MODEL.DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
    cfg.MODEL.BACKBONE.NAME = "build_tiny_backbone"
    cfg.MODEL.BACKBONE.FEAT_DIM = 32
    cfg.MODEL.LOSSES.NAME = ("CrossEntropyLoss",)
    cfg.INPUT.SIZE_TRAIN = cfg.INPUT.SIZE_TEST = [64, 32]
    cfg.DATASETS.NAMES = cfg.DATASETS.TESTS = ("Market1501",)
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.SOLVER.IMS_PER_BATCH = 8
    cfg.SOLVER.MAX_EPOCH = 1
    cfg.SOLVER.WARMUP_ITERS = 2
    cfg.TEST.EVAL_PERIOD = 1
    cfg.OUTPUT_DIR = str(tmp_path)
    return cfg
