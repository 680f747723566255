"""Table 6 and FACTS, "Exact counts to reproduce": Market1501, 751 identities, batch 64."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dcac_fastreid import load_config
from dcac_fastreid.profiling import model_stats

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("config", "opts", "trainable", "forward_tera"),
    [
        ("baseline/ma_ms.yml", [], 85_935_616, 1.4515),
        ("ma_ms.yml", ["MODEL.DCAC.DIFFUSION.TUNING", "frozen"], 86_512_384, 8.523),
        ("ma_ms.yml", [], 89_005_312, 8.539),
    ],
    ids=["baseline", "frozen", "lora"],
)
def test_parameters_and_flops_are_the_papers(configs, config, opts, trainable, forward_tera):
    stats = model_stats(load_config(str(configs / config), opts), num_classes=751)
    parameters, flops = stats["parameters"], stats["flops"]
    assert parameters["trainable"] == trainable
    assert parameters["inference_trainable"] == 85_550_592 and parameters["inference_total"] == 86_141_440
    assert sum(part["trainable"] for part in parameters["by_part"].values()) == trainable
    assert flops["forward_paper"] / 1e12 == pytest.approx(forward_tera, rel=0.01)
    assert flops["forward_run"] <= flops["forward_paper"] < flops["training_run"]


def test_cached_latents_leave_the_vae_out_of_the_step(configs):
    """FACTS: the VAE encoder's 4.338 TFLOP at batch 64."""
    flops = model_stats(load_config(str(configs / "ma_ms.yml")), num_classes=751)["flops"]
    assert (flops["forward_paper"] - flops["forward_run"]) / 1e12 == pytest.approx(4.338, rel=0.01)


def test_the_tool_prints_json_alone():
    command = [
        sys.executable,
        "tools/model_stats.py",
        "--config-file",
        "configs/DCAC/ma_ms.yml",
        "--num-classes",
        "702",
    ]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    parameters = json.loads(finished.stdout)["parameters"]
    assert parameters["trainable"] == 89_005_312 - 49 * (512 + 768)  # a classifier row and a prompt for each identity
