"""docs/search.md, the lines for Ray Data: they compute the features that the package computes."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dcac_fastreid import FeatureExtractor

ROOT = Path(__file__).parent.parent
BEFORE = (
    "import ray\n"
    "ray.init(num_cpus=2, object_store_memory=200 * 2**20, include_dashboard=False, runtime_env={'env_vars': {'PYTHONPATH': %r}})\n"
)


@pytest.mark.slow
def test_ray_data_computes_the_same_features(tiny_data, tmp_path):
    pytest.importorskip("ray.data", reason="ray is not installed: pip install 'ray[data]'")
    from pyarrow import parquet

    (tmp_path / "photos").mkdir()
    for image in sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())[:20]:
        shutil.copy(image, tmp_path / "photos")
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "search.md").read_text(), re.DOTALL)
    (block,) = (each for each in found if "import ray" in each)
    (tmp_path / "block.py").write_text(BEFORE % ":".join(sys.path) + block)
    run = subprocess.run([sys.executable, "block.py"], cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert run.returncode == 0, run.stderr
    written = parquet.read_table(tmp_path / "features_parquet").to_pydict()
    assert len(written["path"]) == 20
    own = FeatureExtractor("synthetic", device="cpu")(written["path"]).numpy()
    np.testing.assert_allclose(np.array(written["feature"]), own, atol=1e-5)
