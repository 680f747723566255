import re

import pytest

import fastreid.data.build
from dcac_fastreid import data
from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic import data_set
from fastreid.data.datasets import DATASET_REGISTRY


def test_the_root_of_the_config_wins_over_the_variable(make_cfg, tiny_data, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", "/elsewhere")
    assert data.data_root("") == "/elsewhere"
    assert data.use_data_root(make_cfg()) == str(tiny_data) == fastreid.data.build._root


def test_without_root_and_variable_it_is_fast_reids_default(monkeypatch):
    monkeypatch.delenv("FASTREID_DATASETS", raising=False)
    assert data.data_root("") == "datasets"


ROOTS = ["synthetic:", "synthetic:x", "synthetic:-1", "synthetic:0:", "synthetic:0:harder", "synthetic:0:hard:1"]
ROOTS += [
    "synthetic:99999999999999999999",
    "synthetic:4294967296",
    "synthetic:\N{ARABIC-INDIC DIGIT THREE}",
    "synthetic: 1",
]
ROOTS += ["synthetic:0:EASY", "synthetic:+1", "synthetic:1e3", "synthetic:../x"]


@pytest.mark.parametrize("root", ROOTS)
def test_a_synthetic_root_needs_a_seed_and_a_known_difficulty(root):
    expected = (
        f"is {re.escape(repr(root))}; expected synthetic:SEED or .* below 4,294,967,296 and one of easy, default, hard"
    )
    with pytest.raises(InputError, match=expected):
        data.data_root(root)


@pytest.mark.parametrize("name", ["../x", "", "clip/", "/etc/passwd", "CLIP"])
def test_a_synthetic_part_is_no_path(name):
    with pytest.raises(
        InputError, match="there is no synthetic part .*; expected synthetic:clip, synthetic:stable-diffusion or"
    ):
        data.weights_path(f"synthetic:{name}")


def test_a_home_folder_is_meant_by_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FASTREID_DATASETS", "~/data")
    assert data.data_root("~/photos") == f"{tmp_path}/photos" and data.data_root("") == f"{tmp_path}/data"
    assert data.weights_path("~/ViT-B-16.pt") == f"{tmp_path}/ViT-B-16.pt"


def test_a_synthetic_root_names_a_data_set_of_the_cache(cache_folder, monkeypatch):
    monkeypatch.setattr(data_set, "cached_data_set", lambda *asked: asked)
    asked = {"synthetic:7": (7, "default"), "synthetic:7:default": (7, "default"), "synthetic:0:hard": (0, "hard")}
    for root, (seed, difficulty) in asked.items():
        assert data.data_root(root) == str((cache_folder, seed, difficulty))


def test_unknown_synthetic_parts_are_refused():
    with pytest.raises(InputError, match="no synthetic part 'cilp'"):
        data.weights_path("synthetic:cilp")


def test_other_paths_stay_as_they_are():
    assert data.weights_path("weights/ViT-B-16.pt") == "weights/ViT-B-16.pt"


def test_test_loader_has_the_configured_workers_and_every_image_once(make_cfg):
    """fast-reid's own construction from cfg starts four workers whatever DATALOADER.NUM_WORKERS says."""
    loader, num_query = data.build_test_loader(make_cfg(), "MSMT17")
    dataset = DATASET_REGISTRY.get("MSMT17")(root=make_cfg().DATASETS.ROOT)
    paths = [path for batch in loader for path in batch["img_paths"]]
    assert loader.num_workers == 0 and num_query == len(dataset.query)
    assert paths == [item[0] for item in dataset.query + dataset.gallery]
