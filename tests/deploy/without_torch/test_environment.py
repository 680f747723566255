"""The wheel without its requirements, beside onnxruntime, NumPy and Pillow alone: needs the package index; a minute."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcac_fastreid

ROOT = Path(__file__).parents[3]
LEFT_OUT = shutil.ignore_patterns(".*", "benchmarks", "build", "docs", "logs", "site", "tests", "*.egg-info")
# 1.24.3: the onnxruntime that boxmot 25 pins.
REQUIREMENTS = ("onnxruntime==1.24.3", "numpy", "pillow")
CODE = """
import pathlib, sys
import numpy
from dcac_fastreid import FeatureExtractor
photos = sorted(pathlib.Path("photos").iterdir())
numpy.save("features.npy", FeatureExtractor("encoder.onnx")(photos))
print(sorted({"torch", "torchvision", "fastreid", "tqdm", "yaml"} & set(sys.modules)))
"""


@pytest.fixture
def wheel(tmp_path) -> Path:
    shutil.copytree(ROOT, tmp_path / "source", ignore=LEFT_OUT)
    make = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "source"]
    subprocess.run(make, check=True)
    (wheel,) = tmp_path.glob("dcac_fastreid-*.whl")
    return wheel


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_features_where_there_is_no_pytorch(wheel, make_environment, tmp_path):
    from dcac_fastreid.deploy.export.export_model import export_model

    (tmp_path / "photos").mkdir()
    generator = np.random.default_rng(0)
    for number, size in enumerate([(300, 150), (128, 64), (61, 33), (90, 200)]):
        pixels = generator.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.{'jpg' if number % 2 else 'png'}")
    export_model("synthetic", tmp_path / "encoder.onnx")
    python = make_environment(*REQUIREMENTS)
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", wheel], check=True)

    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    finished = subprocess.run(
        [python, "-c", CODE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "[]"
    expected = dcac_fastreid.FeatureExtractor("synthetic", device="cpu")(sorted((tmp_path / "photos").iterdir()))
    np.testing.assert_allclose(np.load(tmp_path / "features.npy"), expected.numpy(), rtol=0, atol=1e-4)
