"""The configs beyond the paper: each is a row that tools/reproduce.py trains, and its training can begin."""

from pathlib import Path

import pytest
import yaml

import dcac_fastreid
from dcac_fastreid.experiments.protocols import TABLES
from dcac_fastreid.experiments.rows import ROWS

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "DCAC" / "synthetic"
FILES = sorted(file.stem for file in (CONFIGS / "plus" / "ma_ms").glob("*.yml"))
pytestmark = pytest.mark.parametrize("name", FILES)


def test_a_config_is_its_row_on_the_protocol(leaves, name):
    row = {**ROWS[name].settings, "OUTPUT_DIR": f"logs/DCAC/synthetic/plus/ma_ms/{name}"}
    opts = [word for setting in row.items() for word in setting]
    protocol = leaves(dcac_fastreid.load_config(str(CONFIGS / "ma_ms.yml"), opts))
    assert leaves(dcac_fastreid.load_config(str(CONFIGS / "plus" / "ma_ms" / f"{name}.yml"))) == protocol


def test_a_file_holds_only_what_differs_from_its_protocol_and_says_what_it_is(leaves, name):
    text = (CONFIGS / "plus" / "ma_ms" / f"{name}.yml").read_text()
    assert "beyond the paper" in text.splitlines()[0].lower()
    own = yaml.safe_load(text)
    assert own.pop("_BASE_") == "../../ma_ms.yml"
    assert leaves(own).keys() == {*ROWS[name].settings, "OUTPUT_DIR"}


def test_a_table_has_its_row(name):
    assert any(name in spec.rows for spec in TABLES.values())


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
