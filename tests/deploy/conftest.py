"""A checkpoint as a run writes it, of the small pre-trained CLIP, and what fast-reid's own test makes of images with it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from dcac_fastreid import data, load_config
from dcac_fastreid.checkpoint import StrictCheckpointer, encoder_config
from dcac_fastreid.deploy import FeatureExtractor, open_encoder
from dcac_fastreid.deploy.export.export_model import Export, export_model
from dcac_fastreid.deploy.search.calibration import Calibration
from dcac_fastreid.deploy.search.feature_folder import extract_folder
from fastreid.modeling import build_model


def save_checkpoint(cfg, folder: Path) -> Path:
    """model_final.pth of an untrained model of cfg with 8 identities."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.HEADS.NUM_CLASSES = 8
    torch.manual_seed(0)
    model = build_model(data.with_local_weights(cfg))
    StrictCheckpointer(model, str(folder), encoder_config=encoder_config(cfg)).save("model_final")
    return folder / "model_final.pth"


@pytest.fixture(scope="session")
def checkpoint(configs, tmp_path_factory) -> Path:
    cfg = load_config(str(configs / "synthetic" / "baseline" / "ma_ms.yml"), ["MODEL.DEVICE", "cpu"])
    return save_checkpoint(cfg, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def encoder(checkpoint):
    return open_encoder(checkpoint, device="cpu")


@pytest.fixture(scope="session")
def extract(checkpoint):
    return FeatureExtractor(checkpoint, device="cpu")


@pytest.fixture(scope="session")
def exported(checkpoint, tmp_path_factory) -> Export:
    """The encoder in the plain form, as ONNX and as .pt2; not to be changed."""
    return export_model(checkpoint, tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="session")
def onnx_file(exported) -> Path:
    return next(iter(exported.files))


@pytest.fixture
def calibration() -> Calibration:
    """A made-up one."""
    sha = 64 * "a"
    encoder = {
        "checkpoint": "a.pth",
        "sha256": sha,
        "config_sha256": sha,
        "input_size": [128, 64],
        "feature_width": 128,
    }
    validation = {
        "name": "known",
        "persons": 9,
        "pictures": 50,
        "cameras_known": True,
        "genuine_pairs": 99,
        "impostor_pairs": 999,
    }
    held_out = {"false_match_rate": 0.01, "true_match_rate": 0.7, "brier_score": 0.1, "calibration_error": 0.02}
    return Calibration(encoder, validation, 0.01, 0.01, 0.5, 0.8, [], 10.0, -4.0, held_out, 0.5)


@pytest.fixture(scope="session")
def index(extract, tiny_data, tmp_path_factory) -> Path:
    """An index of the tiny synthetic data set's Market gallery, 35 images; not to be changed."""
    folder = tmp_path_factory.mktemp("index")
    extract_folder(extract, tiny_data / "Market-1501-v15.09.15" / "bounding_box_test", folder)
    return folder


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory) -> Iterator[Callable[..., Path]]:
    """Makes a virtual environment with what pip installs for the words; returns its python. Needs the package index.

    They are removed at the end: pytest keeps the folders of three sessions, and these are large.
    """
    made = []

    def make(*words: str, with_ours: bool = False) -> Path:
        """Args: with_ours: what this test's environment has can be imported too, where the new one has not got it itself."""
        folder = tmp_path_factory.mktemp("environment")
        made.append(folder)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin/python"
        subprocess.run([python, "-m", "pip", "install", "-q", *map(str, words)], check=True)
        if with_ours:
            (packages,) = folder.glob("lib/python*/site-packages")
            (packages / "ours.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
        return python

    yield make
    for folder in made:
        shutil.rmtree(folder)
