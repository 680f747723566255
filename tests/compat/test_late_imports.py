"""Libraries that few calls need come with the first of them, and until then cost nothing."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
import dcac_fastreid
from fastreid.evaluation import reid_evaluation
print("sklearn" in sys.modules, "torch._dynamo" in sys.modules)
from dcac_fastreid.diffusion import stable_diffusion
import torch
with torch.device("meta"):
    stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE)
print("scipy.stats" in sys.modules)
from diffusers import DPMSolverMultistepScheduler
scheduler = DPMSolverMultistepScheduler(use_beta_sigmas=True)
scheduler.set_timesteps(3)
print(len(scheduler.sigmas), "scipy.stats" in sys.modules)
print(*reid_evaluation.metrics.roc_curve([0, 1], [0.1, 0.9])[1])
import sklearn, torch, torchvision
print(bool(sklearn.__version__) and sklearn.metrics is sys.modules["sklearn.metrics"])
print(torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1).item())
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item())
"""


OF_CLIP = """
import sys
BEFORE
import dcac_fastreid
from dcac_fastreid.reid.open_clip_models import image_tower, import_open_clip
open_clip = import_open_clip()
print(*(name in sys.modules for name in ("timm", "torch._dynamo", "timm.layers")))
tower, width = image_tower("ViT-B-16-SigLIP", (32, 32))
import timm, timm.layers, torch
print(type(tower.trunk).__module__, width, open_clip.timm_model.to_2tuple(3), timm is sys.modules["timm"])
print(open_clip.timm_model.Mlp(2, 4, 2)(torch.zeros(1, 2)).shape[1])
"""


def test_what_few_calls_need_is_imported_by_them():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    expected = ["False False", "False", "4 True", "0.0 1.0 1.0", "True", "1.0", "2.0"]
    assert ended.stdout.splitlines() == expected, ended.stderr


@pytest.mark.parametrize(
    "before, there",
    [
        ("", "False False False"),
        pytest.param("import open_clip", "True True True", marks=pytest.mark.slow),
        pytest.param("import timm", "True True True", marks=pytest.mark.slow),
    ],
)
def test_timm_comes_with_the_first_tower_that_it_makes(before, there):
    with_timm = [there, "timm.models.vision_transformer 768 (3, 3) True", "2"]
    ended = subprocess.run([sys.executable, "-c", OF_CLIP.replace("BEFORE", before)], capture_output=True, text=True)
    assert ended.stdout.splitlines() == with_timm, ended.stderr
