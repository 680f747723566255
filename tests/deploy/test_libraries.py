"""load_encoder's module in wildlife-tools and Roboflow's reid, which take any module: needs the package index; a minute."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

import dcac_fastreid

# What this test's environment lacks of their requirements.
PACKAGES = (
    "--no-deps", "wildlife-tools==0.0.9", "reid==0.1.0rc1", "defusedxml==0.7.1", "gdown==5.2.2", "beautifulsoup4==4.15.0",
    "soupsieve==4.1.3", "pandas==2.3.3", "pycocotools==2.0.11", "pydeprecate==0.14.0", "pytz==2026.6", "supervision==0.31.2",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_their_features_are_ours(make_environment, tmp_path):
    generator = np.random.default_rng(0)
    for number, size in enumerate([(300, 150), (128, 64), (200, 90)]):
        coarse = generator.integers(0, 255, (12, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BILINEAR).save(tmp_path / f"{number}.png")
    images = sorted(map(str, tmp_path.glob("*.png")))
    (tmp_path / "list.json").write_text(json.dumps(images))
    python = make_environment(*PACKAGES, with_ours=True)
    ours = dcac_fastreid.FeatureExtractor("synthetic", device="cpu")(images)
    environment = os.environ | {"PYTHONPATH": str(Path(dcac_fastreid.__file__).parents[1])}
    for library, least in (("wildlife_tools", 0.99999), ("reid", 0.99999), ("reid_by_default", 0.99)):
        words = [python, Path(__file__).with_name("module_driver.py"), library, "list.json", "features.npy"]
        finished = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stderr[-3000:]
        theirs = functional.normalize(torch.from_numpy(np.load(tmp_path / "features.npy")))
        assert (ours * theirs).sum(1).min() > least, library
