"""Table 6 and FACTS, "Exact counts to reproduce": Market1501, 751 identities, batch 64."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dcac_fastreid import load_config
from dcac_fastreid.profiling import model_stats
from dcac_fastreid.profiling.build import build

ROOT = Path(__file__).parent.parent.parent


LORA_WITH_SECOND_FEED_FORWARD = (
    "MODEL.DCAC.LORA.TARGETS",
    ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"),
)


@pytest.mark.parametrize(
    ("config", "trainable", "forward_tera"),
    [
        ("baseline/ma_ms", 85_935_616, 1.4515),
        ("ablation/ma_ms/frozen", 86_512_384, 8.523),
        ("ma_ms", 89_005_312, 8.539),
        ("ablation/ma_ms/partial1", 599_370_948, 8.523),
        ("ablation/ma_ms/partial2", 696_409_028, 8.523),
        ("ablation/ma_ms/full", 946_033_348, 8.523),
    ],
)
def test_parameters_and_flops_are_the_papers(configs, config, trainable, forward_tera):
    stats = model_stats(load_config(str(configs / f"{config}.yml")), num_classes=751)
    parameters, flops = stats["parameters"], stats["flops"]
    assert parameters["trainable"] == trainable
    assert parameters["inference_trainable"] == 85_550_592 and parameters["inference_total"] == 86_141_440
    assert sum(part["trainable"] for part in parameters["by_part"].values()) == trainable
    assert flops["forward_paper"] / 1e12 == pytest.approx(forward_tera, rel=0.01)
    assert flops["forward_run"] <= flops["forward_paper"] < flops["training_run"]


def test_the_backward_pass_of_a_balance_is_no_forward_pass(configs):
    plain, balanced = (
        model_stats(load_config(str(configs / "synthetic" / "ma_ms.yml"), ["MODEL.DCAC.BALANCE", ratio]), 24)["flops"]
        for ratio in (0.0, 0.3)
    )
    for name in ("forward_paper", "forward_run"):
        assert balanced[name] == plain[name], name
    assert balanced["training_run"] > plain["training_run"]


@pytest.mark.parametrize("num_classes", [751, 702])
@pytest.mark.parametrize(
    ("config", "opts", "lora"),
    [
        ("ma_ms", (), 2_492_928),
        ("ms_ma", (), 9_971_712),
        ("ma_ms", LORA_WITH_SECOND_FEED_FORWARD, 2_992_128),
    ],
    ids=["rank 8", "rank 32", "rank 8 with ff.net.2"],
)
def test_lora_alone_has_the_published_size(configs, config, opts, lora, num_classes):
    """And besides it there are the baseline's 85,935,616 at N = 751, with a classifier row for each identity, and the prompts."""
    model = build(load_config(str(configs / f"{config}.yml"), opts), num_classes)
    assert _trainable(model.feedback) == lora
    assert _trainable(model) == lora + 85_935_616 + (num_classes - 751) * 512 + num_classes * 768


@pytest.mark.parametrize("view", ["identity", "camera"])
def test_another_view_is_counted(configs, view):
    """Its choice of images is no matrix product: the step has the FLOPs of its own condition's."""
    file = str(configs / "synthetic/ma_ms.yml")
    same, other = (model_stats(load_config(file, ["MODEL.DCAC.CONDITIONER.VIEW", name]), 8) for name in ("same", view))
    assert same == other


def _trainable(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_the_run_leaves_out_what_the_paper_computed_for_nothing(configs):
    """At batch 64: the VAE encoder's 4.338 TFLOP (FACTS); queries, keys and norms of cross-attention to one token; patches
    in the encoder's last block. The issue's bar for a step is 9.4."""
    flops = model_stats(load_config(str(configs / "ma_ms.yml")), num_classes=751)["flops"]
    one_token, last_block = 2.7493 - 2.6441, 1.4515 - 1.352
    saved = (flops["forward_paper"] - flops["forward_run"]) / 1e12
    assert saved == pytest.approx(4.338 + one_token + last_block, rel=0.002)
    assert flops["training_run"] / 1e12 == pytest.approx(9.29, rel=0.002)


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
