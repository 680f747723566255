"""Every config against its file name, the paper, and its neighbours; each one's model is built on the meta device."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
import yaml

import dcac_fastreid
from dcac_fastreid.dcac import DCAC

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC"
NAMES = {"ma": "DG_Market1501", "d": "DG_DukeMTMC", "ms": "DG_MSMT17", "c3": "DG_CUHK03NP"}
LEAVE_ONE_OUT = ("d+ms+c3_ma", "ma+ms+c3_d", "ma+d+c3_ms", "ma+d+ms_c3")
PROTOCOLS = (*(f"{source}_{target}" for source in NAMES for target in NAMES), *LEAVE_ONE_OUT)
OTHER_TESTS = (
    "ablation/",
    "synthetic/ablation/",
    "authors/",
    "plus/",
    "synthetic/plus/",
    "recommended/",
    "synthetic/recommended/",
)
FOLDERS = ("", "baseline/", "synthetic/", "synthetic/baseline/")
FILES = [folder + protocol for folder in FOLDERS for protocol in PROTOCOLS]


def cells(protocols: str, published: str) -> dict[str, str]:
    """Protocol -> mAP/Rank-1 as the paper prints them."""
    return dict(zip(protocols.split(), published.split(), strict=True))


PAIRS = ("ma_d ma_ms ma_c3 d_ma d_ms d_c3", "ms_ma ms_d ms_c3 c3_ma c3_d c3_ms")
TABLE_2 = {
    "": cells(PAIRS[0], "49.5/69.1 23.4/52.1 32.5/33.2 42.3/71.5 19.7/47.4 23.0/23.5"),
    "baseline/": cells(PAIRS[0], "47.8/67.3 22.0/50.1 30.0/30.4 41.7/70.5 19.0/46.9 22.1/23.1"),
}
TABLE_3 = {
    "": cells(PAIRS[1], "52.1/77.9 58.4/75.0 34.1/34.4 42.0/68.6 43.2/64.8 17.8/47.3"),
    "baseline/": cells(PAIRS[1], "51.0/76.5 57.1/73.8 32.7/32.9 39.6/66.2 41.4/62.7 16.6/45.2"),
}
TABLE_4 = {"": cells(" ".join(LEAVE_ONE_OUT), "56.7/80.0 58.9/75.4 27.5/56.7 42.5/43.6")}
TABLE_8 = {"": cells("ma_ma ms_ms", "86.8/94.9 70.1/88.3"), "baseline/": cells("ma_ma ms_ms", "86.4/94.4 70.4/88.1")}
PUBLISHED = {
    folder + protocol: (number, cell)
    for number, table in ((2, TABLE_2), (3, TABLE_3), (4, TABLE_4), (8, TABLE_8))
    for folder, row in table.items()
    for protocol, cell in row.items()
}
NOT_PUBLISHED = {f"{folder}{own}" for folder in ("", "baseline/") for own in ("d_d", "c3_c3")} | {
    f"baseline/{name}" for name in LEAVE_ONE_OUT
}


def test_every_protocol_has_its_four_files_and_there_are_no_others():
    found = {str(file.relative_to(CONFIGS).with_suffix("")) for file in CONFIGS.rglob("*.yml")}
    others = {folder + name for folder in ("", "synthetic/") for name in ("base", "own_photos")}
    assert {name for name in found if not name.startswith(OTHER_TESTS)} - others == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_config_is_what_its_file_name_says(load, built, name):
    cfg, (source, target) = load(name), Path(name).name.split("_")
    assert cfg.DATASETS.NAMES == tuple(NAMES[part] for part in source.split("+"))
    assert cfg.DATASETS.TESTS == (NAMES[target],)
    large = source == "ms" or "+" in source
    assert cfg.MODEL.DCAC.LORA.RANK == (32 if large else 8)
    assert cfg.MODEL.DCAC.CONDITIONER.TAU == (1.0 if large else 0.1 if source == "c3" else 0.6)
    assert cfg.MODEL.DCAC.DIFFUSION.TUNING == "lora"
    assert cfg.MODEL.DCAC.CONDITIONER.NAME == "CorrelationAwareConditioner"
    assert cfg.MODEL.META_ARCHITECTURE == ("PrototypicalBaseline" if "baseline/" in name else "DCAC")
    assert cfg.DATASETS.ROOT == ("synthetic:0" if "synthetic/" in name else "")
    assert cfg.OUTPUT_DIR == f"logs/DCAC/{name}"

    model = built(cfg, num_classes=24)
    assert {p.device.type for p in model.parameters()} == {"meta"}
    assert isinstance(model, DCAC) == ("baseline/" not in name)
    if isinstance(model, DCAC):
        assert model.conditioner.temperature == cfg.MODEL.DCAC.CONDITIONER.TAU
        ranks = {p.shape[0] for key, p in model.named_parameters() if "lora_A" in key}
        assert ranks == {cfg.MODEL.DCAC.LORA.RANK}


@pytest.mark.parametrize("name", [folder + protocol for folder in FOLDERS[:2] for protocol in PROTOCOLS])
def test_a_file_names_table_row_and_published_cell(name):
    first = (CONFIGS / f"{name}.yml").read_text().splitlines()[0]
    if name in NOT_PUBLISHED:
        assert "not in the paper" in first and "published" not in first
        return
    table, cell = PUBLISHED[name]
    row = "Baseline" if "baseline/" in name else "DCAC"
    assert re.fullmatch(rf'# Table {table}, "{row} .*|# Table {table}, "{row}".*', first)
    assert first.endswith("published mAP {}, Rank-1 {}.".format(*cell.split("/")))


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_only_what_differs_from_its_base(load, leaves, name):
    file = CONFIGS / f"{name}.yml"
    own = yaml.safe_load(file.read_text())
    base = leaves(dcac_fastreid.load_config(str(file.parent / own.pop("_BASE_"))))
    cfg = leaves(load(name))
    assert [key for key in leaves(own) if cfg[key] == base[key]] == []


@pytest.mark.parametrize("name", FILES[: 2 * len(PROTOCOLS)])
def test_a_counterpart_differs_by_the_synthetic_base_alone(load, leaves, name):
    real, counterpart = leaves(load(name)), leaves(load(f"synthetic/{name}"))
    synthetic = yaml.safe_load((CONFIGS / "synthetic" / "base.yml").read_text())
    synthetic.pop("_BASE_")
    allowed = leaves(synthetic).keys() | {"OUTPUT_DIR"}
    assert {key for key in real if real[key] != counterpart[key]} <= allowed


@pytest.mark.slow
@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("mode", ["", "baseline/"], ids=["dcac", "baseline"])
def test_a_synthetic_counterpart_trains(make_trainer, mode, name):
    """Two epochs of some steps on the tiny synthetic data set, and a test on the target."""
    trainer = make_trainer(f"{mode}{name}.yml", "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1])
    before = trainer.model.backbone.tower.proj.detach().clone()
    trainer.resume_or_load(resume=False)
    assert trainer.train().keys() >= {"mAP", "Rank-1"}
    assert not torch.equal(trainer.model.backbone.tower.proj, before)
    lines = [json.loads(line) for line in (Path(trainer.cfg.OUTPUT_DIR) / "metrics.json").read_text().splitlines()]
    names = {"loss_cls", "loss_pcl"} | ({"loss_diffusion"} if mode == "" else set())
    assert all(names <= line.keys() and math.isfinite(line["total_loss"]) for line in lines) and len(lines) == 2
