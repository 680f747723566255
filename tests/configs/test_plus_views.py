"""The configs beyond the paper: the synthetic ones are rows that tools/reproduce.py trains, and their training can begin."""

from pathlib import Path

import pytest
import yaml

import dcac_fastreid
from dcac_fastreid.conditioners import ImageEmbeddingConditioner
from dcac_fastreid.experiments.protocols import TABLES
from dcac_fastreid.experiments.rows import ROWS
from dcac_fastreid.profiling.build import build

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC" / "synthetic"
FILES = [name for name in TABLES["views"].rows if name not in ("baseline", "dcac")]
of_row = pytest.mark.parametrize("name", FILES)


def test_stable_diffusion_image_variations_has_one_token_of_the_encoders_width(load):
    """On the meta device; its files are in tests/diffusion/test_image_variations.py, with tiny parts."""
    cfg = load("plus/ma_ms/image_variations")
    assert cfg.OUTPUT_DIR == "logs/DCAC/plus/ma_ms/image_variations"
    model = build(cfg, num_classes=24)
    assert isinstance(model.conditioner, ImageEmbeddingConditioner) and not list(model.conditioner.parameters())
    assert model.feedback.denoiser.condition_dim == model.backbone.feature_dim == 768


def test_its_cross_view_sets_what_the_row_of_the_small_parts_sets(load, leaves):
    cfg = load("plus/ma_ms/image_cross_view")
    changed = {
        key: value for key, value in leaves(cfg).items() if value != leaves(load("plus/ma_ms/image_variations"))[key]
    }
    row = {
        key: value
        for key, value in ROWS["image_cross_view"].settings.items()
        if "WEIGHTS" not in key and "NAME" not in key
    }
    assert changed == {**row, "OUTPUT_DIR": "logs/DCAC/plus/ma_ms/image_cross_view"}
    assert cfg.MODEL.DCAC.CONDITIONER.NAME == ROWS["image_cross_view"].settings["MODEL.DCAC.CONDITIONER.NAME"]
    build(cfg, num_classes=24)


@of_row
def test_a_config_is_its_row_on_the_protocol(leaves, name):
    row = {**ROWS[name].settings, "OUTPUT_DIR": f"logs/DCAC/synthetic/plus/ma_ms/{name}"}
    opts = [word for setting in row.items() for word in setting]
    protocol = leaves(dcac_fastreid.load_config(str(CONFIGS / "ma_ms.yml"), opts))
    protocol["SOLVER.BASE_LR"] = ROWS[name].base_lr(protocol["SOLVER.BASE_LR"])
    assert leaves(dcac_fastreid.load_config(str(CONFIGS / "plus" / "ma_ms" / f"{name}.yml"))) == protocol


@of_row
def test_a_file_holds_only_what_differs_from_its_protocol_and_says_what_it_is(leaves, name):
    text = (CONFIGS / "plus" / "ma_ms" / f"{name}.yml").read_text()
    assert "beyond the paper" in text.splitlines()[0].lower()
    own = yaml.safe_load(text)
    assert own.pop("_BASE_") == "../../ma_ms.yml"
    rate = {"SOLVER.BASE_LR"} if ROWS[name].rate != 1 else set()
    assert leaves(own).keys() == {*ROWS[name].settings, *rate, "OUTPUT_DIR"}


@of_row
def test_a_table_has_its_row(name):
    assert any(name in spec.rows for spec in TABLES.values())


# One of each kind; the others in make test-slow.
TRAINED = ("feedback_alone_camera", "cross_view")


@pytest.mark.parametrize(
    "name", [*TRAINED, *(pytest.param(name, marks=pytest.mark.slow) for name in FILES if name not in TRAINED)]
)
def test_it_trains_and_moves_the_encoder(make_trainer, name):
    trainer = make_trainer(f"plus/ma_ms/{name}.yml", "TEST.EVAL_PERIOD", 0, "MODEL.DCAC.TELEMETRY", 1)
    before = trainer.model.backbone.tower.proj.detach().clone()
    trainer.resume_or_load(resume=False)
    trainer.train()
    assert not trainer.model.backbone.tower.proj.equal(before)
    logged = trainer.storage.histories()
    losses = {name for name in logged if name.startswith("loss_")}
    alone = name.startswith("feedback_alone")
    assert losses == (
        set() if alone else {"loss_cls", "loss_pcl", "loss_diffusion"}
    )  # a lone one is logged as total_loss
    assert ("telemetry/gradient_ratio" in logged) != alone and "telemetry/diffusion_gradient" in logged
