"""Libraries that few calls need come with the first of them, and until then cost nothing."""

import subprocess
import sys

SCRIPT = """
import sys
import dcac_fastreid
from fastreid.evaluation import reid_evaluation
print("sklearn" in sys.modules, "torch._dynamo" in sys.modules)
print(*reid_evaluation.metrics.roc_curve([0, 1], [0.1, 0.9])[1])
import sklearn, torch, torchvision
print(bool(sklearn.__version__) and sklearn.metrics is sys.modules["sklearn.metrics"])
print(torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1).item())
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


def test_what_few_calls_need_is_imported_by_them():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    expected = ["False False", "0.0 1.0 1.0", "True", "1.0", "2.0"]
    assert ended.stdout.splitlines() == expected, ended.stderr
