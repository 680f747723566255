"""Table 6 and FACTS, "Exact counts to reproduce": Market1501, 751 identities, batch 64."""

import contextlib
import functools
import json
import runpy
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


@pytest.fixture(scope="module")
def stats_of(configs):
    """stats_of(config, num_classes, KEY, VALUE, ...), counted once for all tests."""
    return functools.cache(
        lambda name, classes, *opts: model_stats(load_config(str(configs / f"{name}.yml"), opts), classes)
    )


@pytest.mark.parametrize(
    ("config", "trainable", "forward_tera"),
    [
        ("baseline/ma_ms", 85_935_616, 1.4515),
        ("ma_ms", 89_005_312, 8.539),
        # Their numbers of weights: tests/configs/test_ablations.py.
        pytest.param("ablation/ma_ms/frozen", 86_512_384, 8.523, marks=pytest.mark.slow),
        pytest.param("ablation/ma_ms/partial1", 599_370_948, 8.523, marks=pytest.mark.slow),
        pytest.param("ablation/ma_ms/partial2", 696_409_028, 8.523, marks=pytest.mark.slow),
        pytest.param("ablation/ma_ms/full", 946_033_348, 8.523, marks=pytest.mark.slow),
    ],
)
def test_parameters_and_flops_are_the_papers(stats_of, config, trainable, forward_tera):
    stats = stats_of(config, 751)
    parameters, flops = stats["parameters"], stats["flops"]
    assert parameters["trainable"] == trainable
    assert parameters["inference_trainable"] == 85_550_592 and parameters["inference_total"] == 86_141_440
    assert sum(part["trainable"] for part in parameters["by_part"].values()) == trainable
    assert flops["forward_paper"] / 1e12 == pytest.approx(forward_tera, rel=0.01)
    assert flops["forward_run"] <= flops["forward_paper"] < flops["training_run"]


def test_the_backward_pass_of_a_balance_is_no_forward_pass(stats_of):
    plain, balanced = (stats_of("synthetic/ma_ms", 24, *opts)["flops"] for opts in ((), ("MODEL.DCAC.BALANCE", 0.3)))
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
def test_another_view_is_counted(stats_of, view):
    """Its choice of images is no matrix product: the step has the FLOPs of its own condition's."""
    assert stats_of("synthetic/ma_ms", 24, "MODEL.DCAC.CONDITIONER.VIEW", view) == stats_of("synthetic/ma_ms", 24)


def _trainable(model) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_the_run_leaves_out_what_the_paper_computed_for_nothing(stats_of):
    """At batch 64: the VAE encoder's 4.338 TFLOP (FACTS); queries, keys and norms of cross-attention to one token; patches
    in the encoder's last block. The issue's bar for a step is 9.4."""
    flops = stats_of("ma_ms", 751)["flops"]
    one_token, last_block = 2.7493 - 2.6441, 1.4515 - 1.352
    saved = (flops["forward_paper"] - flops["forward_run"]) / 1e12
    assert saved == pytest.approx(4.338 + one_token + last_block, rel=0.002)
    assert flops["training_run"] / 1e12 == pytest.approx(9.29, rel=0.002)


def test_the_tool_prints_json_alone(stats_of, monkeypatch, capfd):
    words = ["--config-file", str(ROOT / "configs/DCAC/synthetic/ma_ms.yml"), "--num-classes", "24"]
    monkeypatch.setattr(sys, "argv", ["model_stats.py", *words])
    capfd.readouterr()
    with contextlib.suppress(SystemExit):
        runpy.run_path(str(ROOT / "tools" / "model_stats.py"), run_name="__main__")
    assert json.loads(capfd.readouterr().out) == stats_of("synthetic/ma_ms", 24)
