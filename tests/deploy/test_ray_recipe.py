"""docs/search.md, the lines for Ray Data: they compute the features that the package computes. Needs the package index."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dcac_fastreid import FeatureExtractor

ROOT = Path(__file__).parents[2]
PACKAGES = ("-c", ROOT / "constraints.txt", "ray[data]==2.60.0")
BEFORE = "import ray\nray.init(num_cpus=2, object_store_memory=200 * 2**20, include_dashboard=False)\n"
AFTER = """
import numpy as np
from pyarrow import parquet
np.savez("written.npz", **parquet.read_table("features_parquet").to_pydict())
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ray_data_computes_the_same_features(make_environment, tiny_data, tmp_path):
    (tmp_path / "photos").mkdir()
    for image in sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:20]:
        shutil.copy(image, tmp_path / "photos")
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "search.md").read_text(), re.DOTALL)
    (block,) = (each for each in found if "import ray" in each)
    (tmp_path / "block.py").write_text(BEFORE + block + AFTER)
    python = make_environment(*PACKAGES, with_ours=True)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run([python, "block.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    written = np.load(tmp_path / "written.npz")
    assert len(written["path"]) == 20
    own = FeatureExtractor("synthetic", device="cpu")(written["path"].tolist()).numpy()
    np.testing.assert_allclose(written["feature"], own, atol=1e-5)
