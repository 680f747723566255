"""Libraries that few calls need come with the first of them, and until then cost nothing."""

import subprocess
import sys

import pytest

CURVE = """
import sys
import dcac_fastreid
from fastreid.evaluation import reid_evaluation
assert "sklearn" not in sys.modules, "imported at the start"
print(*reid_evaluation.metrics.roc_curve([0, 1], [0.1, 0.9])[1])
import sklearn
print(sklearn.__version__ and sklearn.metrics is sys.modules["sklearn.metrics"])
"""
FIRST = "import sklearn.metrics\n"


@pytest.mark.parametrize("before", ["", FIRST], ids=["late", "where it is there already"])
def test_a_roc_curve_imports_scikit_learn(before):
    script = before + (CURVE.replace("assert ", "# ") if before else CURVE)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.split() == ["0.0", "1.0", "1.0", "True"], ended.stderr


ALIGN = """
import sys
import dcac_fastreid
print("torch._dynamo" in sys.modules)
import torch, torchvision
print(torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1).item())
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


def test_the_compiler_is_imported_by_what_compiles():
    ended = subprocess.run([sys.executable, "-c", ALIGN], capture_output=True, text=True)
    assert ended.stdout.split() == ["False", "1.0", "2.0"], ended.stderr
