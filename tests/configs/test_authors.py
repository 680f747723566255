"""The settings of the authors' code: they set every departure that FACTS lists, and the method stays the paper's."""

import pytest
import yaml

from dcac_fastreid.config import add_dcac_config
from dcac_fastreid.engine.speed import DEFAULTS
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.model_stats import model_stats
from fastreid.config import get_cfg

FILES = ("c3_ma", "d_ma", "ma_ms", "ms_ma")
DEPARTURES = {  # of FACTS' last table, but what is documented alone: key, the choice of the authors' code
    "DATALOADER.SAMPLER_TRAIN": "RandomIdentitySampler",
    "INPUT.TEST_INTERPOLATION": "bilinear",
    "INPUT.REA.GEOMETRY": "original",
    "MODEL.DCAC.CONDITIONER.CONDITION_NET_INIT": "normal",
    "MODEL.DCAC.LORA.QKV_BIAS": True,
    "SOLVER.ONE_EPOCH_AHEAD": True,
    "MODEL.HEADS.BNNECK_UPDATES": 2,
    "SOLVER.SPEED": "authors",
}


def test_there_are_these_files_and_no_others(configs):
    assert sorted(file.stem for file in (configs / "authors").iterdir()) == sorted((*FILES, "base"))


@pytest.mark.parametrize("name", FILES)
def test_they_differ_from_the_papers_config_by_the_departures_alone(load, leaves, name):
    paper, authors = leaves(load(name)), leaves(load(f"authors/{name}"))
    changed = {key: value for key, value in authors.items() if value != paper[key] and key not in DEFAULTS}
    assert changed == {**DEPARTURES, "OUTPUT_DIR": f"logs/DCAC/authors/{name}"}


def test_the_base_says_them_all(configs, leaves):
    said = yaml.safe_load((configs / "authors" / "base.yml").read_text())
    assert said.pop("_BASE_") == "../base.yml"
    assert leaves(said) == {
        **DEPARTURES,
        "SOLVER.AMP.ENABLED": True,
        "SOLVER.AMP.DTYPE": "fp16",
    }  # what "authors" chooses


def test_by_default_none_of_them_is_chosen(leaves):
    cfg = get_cfg()
    add_dcac_config(cfg)
    defaults = leaves(cfg)
    assert not [key for key, value in DEPARTURES.items() if defaults[key] == value]


@pytest.mark.parametrize("name", FILES)
def test_a_file_says_in_its_first_line_what_it_is(configs, name):
    source, target = name.upper().split("_")
    first = (configs / "authors" / f"{name}.yml").read_text().splitlines()[0]
    assert first.startswith(f"# {source} -> {target} as the code of the paper's authors") and "base.yml" in first


@pytest.mark.parametrize(("name", "identities", "trainable"), [("ma_ms", 751, 89_005_312)])
def test_frozen_biases_are_no_trainable_weights(load, name, identities, trainable):
    """Table 6 counts the same."""
    model = build(load(f"authors/{name}"), identities)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == trainable


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_model_stats_works_on_them(load, name):
    stats, paper = (model_stats(load(config), 751) for config in (f"authors/{name}", name))
    assert stats == paper
