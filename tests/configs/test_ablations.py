"""Every ablation config against its file name, the paper's Tables 5 to 10, its protocol and its synthetic counterpart."""

import re
from pathlib import Path

import pytest
import torch
import yaml

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC"
PAIRS = ("ma_ms", "ms_ma")
TUNING, CONDITIONER, RANK = "MODEL.DCAC.DIFFUSION.TUNING", "MODEL.DCAC.CONDITIONER.", "MODEL.DCAC.LORA.RANK"
# File name -> what it stands for, and the trainable weights at N = 751; None: those of the protocol.
VARIANTS = {
    "frozen": ({TUNING: "frozen"}, 86_512_384),
    "lora": ({TUNING: "lora"}, None),
    "partial1": ({TUNING: "partial1"}, 599_370_948),
    "partial2": ({TUNING: "partial2"}, 696_409_028),
    "full": ({TUNING: "full"}, 946_033_348),
    "scratch": ({TUNING: "scratch"}, 946_033_348),
    "instance": ({CONDITIONER + "NAME": "InstanceWiseConditioner"}, None),
    "class": ({CONDITIONER + "NAME": "ClassWiseConditioner"}, None),
    "class_rescaled": ({CONDITIONER + "NAME": "ClassWiseConditioner", CONDITIONER + "RESCALE": True}, None),
    "silu": ({CONDITIONER + "TRANSFORM": "silu"}, None),
    "batchnorm": ({CONDITIONER + "TRANSFORM": "batchnorm"}, None),
    "condition_net": ({CONDITIONER + "TRANSFORM": "condition_net"}, None),
    "rank8": ({RANK: 8}, 89_005_312),
    "rank16": ({RANK: 16}, 91_498_240),
    "rank32": ({RANK: 32}, 96_484_096),
    "rank64": ({RANK: 64}, 106_455_808),
    "probs_prototypes": ({CONDITIONER + "PROBS": "prototypes"}, None),
    "probs_both": ({CONDITIONER + "PROBS": "both"}, None),
    "random_unet": ({TUNING: "random"}, 86_512_384),
    "shuffled": ({CONDITIONER + "SHUFFLE": True}, None),
}
PROTOCOL_TRAINABLE = {"ma_ms": 89_005_312, "ms_ma": 96_484_096}
# What a conditioner adds to those: a D x C matrix instead of N prompts, a BatchNorm, a bottleneck.
MORE_TRAINABLE = {
    "instance": (512 - 751) * 768,
    "batchnorm": 2 * 768,
    "condition_net": 2 * 768 + 768 * 96 + 2 * 96 + 96 * 768,
}
# As the paper prints them: table, row, MA -> MS, MS -> MA.
PUBLISHED = """
    5  | frozen        | "DCAC (Frozen)"                | 21.3 49.7 | 50.8 76.5
    5  | lora          | "DCAC (LoRA adaptation)"       | 23.4 52.1 | 52.1 77.9
    5  | partial1      | "DCAC (Partial fine-tuning 1)" | 22.1 50.3 | 47.1 74.6
    5  | partial2      | "DCAC (Partial fine-tuning 2)" | 22.1 50.4 | 51.9 78.5
    5  | full          | "DCAC (Full fine-tuning)"      | 21.8 50.1 | 51.5 76.6
    5  | scratch       | "DCAC (Train from scratch)"    | 21.9 50.3 | 51.7 77.6
    7  | instance      | "DCAC (Instance-wise)"         | 22.4 50.8 | 51.6 77.7
    7  | class         | "DCAC (Class-wise)"            | 22.6 51.2 | 50.5 76.5
    9  | rank8         | rank 8                         | 23.4 52.1 | 51.4 77.3
    9  | rank16        | rank 16                        | 22.1 50.7 | 51.7 77.9
    9  | rank32        | rank 32                        | 22.4 51.4 | 52.1 77.9
    9  | rank64        | rank 64                        | 22.9 51.6 | 51.1 77.5
    10 | silu          | "+ Non-linearity"              | 22.4 50.8 | 50.4 76.9
    10 | batchnorm     | "+ BatchNorm"                  | 22.5 50.9 | 51.0 76.8
    10 | condition_net | "+ ConditionNet"               | 21.9 50.1 | 50.5 76.2
"""
ROWS = {row[1]: row for row in ([field.strip() for field in line.split("|")] for line in PUBLISHED.split("\n") if line)}
FILES = [f"ablation/{pair}/{variant}" for pair in PAIRS for variant in VARIANTS]
each = pytest.mark.parametrize("name", FILES)
# The model is that of the other pair, with another classifier.
each_model = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if "/ms_ma/" in name else name for name in FILES]
)


def parts(name: str) -> tuple[str, str]:
    """Pair and variant."""
    return Path(name).parent.name, Path(name).name


def lines(name: str) -> list[str]:
    return (CONFIGS / f"{name}.yml").read_text().splitlines()


@pytest.mark.parametrize("folder", ["", "synthetic/"])
@each
def test_a_config_is_its_protocol_and_what_its_file_name_says(load, leaves, folder, name):
    pair, variant = parts(name)
    expected = {**VARIANTS[variant][0], "OUTPUT_DIR": f"logs/DCAC/{folder}{name}"}
    cfg, protocol = leaves(load(folder + name)), leaves(load(folder + pair))
    assert {key: cfg[key] for key in expected} == expected
    assert {key for key in cfg if cfg[key] != protocol[key]} <= expected.keys()


@pytest.mark.parametrize("folder", ["", "synthetic/"])
@each
def test_a_file_holds_only_what_differs_from_its_protocol(load, leaves, folder, name):
    pair, _ = parts(name)
    own = yaml.safe_load((CONFIGS / f"{folder}{name}.yml").read_text())
    assert own.pop("_BASE_") == f"../../{pair}.yml"
    cfg, protocol = leaves(load(folder + name)), leaves(load(folder + pair))
    assert leaves(own).keys() == {key for key in cfg if cfg[key] != protocol[key]}


@each
def test_a_file_names_table_row_and_published_cell(name):
    pair, variant = parts(name)
    first = lines(name)[0]
    if variant not in ROWS:
        assert "not in the paper" in first and "published" not in first
        return
    table, _, row, *cells = ROWS[variant]
    mean_ap, rank_1 = cells[PAIRS.index(pair)].split()
    arrow = pair.upper().replace("_", " -> ")
    assert first == f"# Table {table}, {row}, {arrow}: published mAP {mean_ap}, Rank-1 {rank_1}."


@each
def test_a_counterpart_is_the_same_file_on_the_synthetic_protocol(name):
    """Its base, ../../PAIR.yml, is then the synthetic one; how that differs is held by test_protocols.py."""
    real, counterpart = lines(name), lines(f"synthetic/{name}")
    assert counterpart[0] == f"# The synthetic counterpart of ../../../{name}.yml."
    assert counterpart[1:] == [line.replace("logs/DCAC/", "logs/DCAC/synthetic/") for line in real[1:]]


@each_model
def test_its_model_has_the_trainable_weights_of_the_variant(load, built, name):
    pair, variant = parts(name)
    expected = VARIANTS[variant][1] or PROTOCOL_TRAINABLE[pair] + MORE_TRAINABLE.get(variant, 0)
    model = built(load(name), num_classes=751)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == expected


@each_model
def test_its_counterpart_can_be_built(load, built, name):
    model = built(load(f"synthetic/{name}"), num_classes=24)
    assert {p.device.type for p in model.parameters()} == {"meta"}


@pytest.mark.slow
@each
def test_its_counterpart_trains(make_trainer, name):
    """Two epochs on the tiny synthetic data set, and a test on the target: encoder, conditioner and what trains move."""
    trainer = make_trainer(f"{name}.yml", "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1])
    before = {key: p.detach().clone() for key, p in trainer.model.named_parameters()}
    trainer.resume_or_load(resume=False)
    results = trainer.train()
    assert 0 < results["mAP"] <= 100
    moved = {key for key, p in trainer.model.named_parameters() if not torch.equal(p, before[key])}
    assert {"backbone.tower.proj", "heads.weight"} <= moved
    assert {key for key in before if key.startswith("conditioner.")} <= moved
    trained = {key for key, p in trainer.model.feedback.named_parameters(prefix="feedback") if p.requires_grad}
    assert bool(trained) == (parts(name)[1] not in ("frozen", "random_unet"))
    # Queries and keys of the cross-attention, and the normalisation before them: no gradient reaches them with one token.
    still = {key for key in trained if re.search(r"attn2\.to_[qk]|transformer_blocks\.\d+\.norm2", key)}
    assert {key for key in moved if key.startswith("feedback.")} == trained - still
