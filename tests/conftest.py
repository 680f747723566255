"""A tiny synthetic data set, the small parts, and configs that point to them; nothing outside of pytest's folders is touched."""

from pathlib import Path

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts
from dcac_fastreid.synthetic.parts import part
from fastreid.modeling import build_model

RESNET = """
MODEL:
  META_ARCHITECTURE: Baseline
  BACKBONE: {NAME: build_resnet_backbone, DEPTH: 18x, FEAT_DIM: 512, PRETRAIN: false}
  HEADS: {POOL_LAYER: GeneralizedMeanPoolingP, WITH_BNNECK: true, NUM_CLASSES: 8}
INPUT: {SIZE_TRAIN: [64, 32], SIZE_TEST: [64, 32]}
"""


@pytest.fixture(scope="session")
def configs() -> Path:
    """The folder configs/DCAC."""
    return Path(__file__).parent.parent / "configs" / "DCAC"


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """The cache of latents of this test session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCAC_FASTREID_CACHE", str(folder))
        patch.delenv("FASTREID_DATASETS", raising=False)
        yield folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """A data root with 8 training and 6 test identities in each domain."""
    root = tmp_path_factory.mktemp("data")
    make_data_set(root, seed=1, counts=Counts(train_ids=8, train_images=6, test_ids=6, queries=1, gallery=4), workers=1)
    return root


@pytest.fixture(scope="session")
def sd_folder():
    """A small Stable Diffusion folder in diffusers' layout."""
    return part("stable-diffusion")


@pytest.fixture
def resnet_run(tmp_path) -> Path:
    """A folder with model_final.pth of one of fast-reid's own architectures, random weights, and its config.yaml."""
    (tmp_path / "config.yaml").write_text(RESNET)
    torch.manual_seed(0)
    model = build_model(dcac_fastreid.load_config(str(tmp_path / "config.yaml"), ["MODEL.DEVICE", "cpu"]))
    torch.save({"model": model.state_dict()}, tmp_path / "model_final.pth")
    return tmp_path


@pytest.fixture
def launcher(monkeypatch):
    """Sets what torchrun sets: environment variables by keyword, and where the first process is found."""

    def launch(**variables: int):
        for name, value in ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1} | variables).items():
            monkeypatch.setenv(name, str(value))

    return launch


@pytest.fixture
def make_cfg(configs, tiny_data, tmp_path):
    """A synthetic config on `tiny_data`: 16 images a batch (4 identities), one epoch of 3 steps, output in tmp_path/out."""

    def make(name: str = "ma_ms.yml", *opts):
        return dcac_fastreid.load_config(
            str(configs / "synthetic" / name),
            [
                "MODEL.DEVICE", "cpu",
                "SOLVER.AMP.ENABLED", False,
                "DATASETS.ROOT", str(tiny_data),
                "SOLVER.IMS_PER_BATCH", 16,
                "SOLVER.MAX_EPOCH", 1,
                "SOLVER.CHECKPOINT_PERIOD", 1,
                "TEST.EVAL_PERIOD", 1,
                "OUTPUT_DIR", str(tmp_path / "out"),
                *opts,
            ],
        )  # fmt: skip

    return make


@pytest.fixture
def make_trainer(make_cfg, tmp_path):
    """A DCACTrainer of `make_cfg`, its output folder made."""

    def make(name: str = "ma_ms.yml", *opts):
        cfg = make_cfg(name, *opts)
        Path(cfg.OUTPUT_DIR).mkdir(parents=True, exist_ok=True)
        return dcac_fastreid.DCACTrainer(cfg)

    return make
