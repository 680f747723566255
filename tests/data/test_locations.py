import pytest

import fastreid.data.build
from dcac_fastreid import data
from fastreid.data.datasets import DATASET_REGISTRY


def test_the_root_of_the_config_wins_over_the_variable(make_cfg, tiny_world, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", "/elsewhere")
    assert data.data_root("") == "/elsewhere"
    assert data.use_data_root(make_cfg()) == str(tiny_world) == fastreid.data.build._root


def test_without_root_and_variable_it_is_fast_reids_default(monkeypatch):
    monkeypatch.delenv("FASTREID_DATASETS", raising=False)
    assert data.data_root("") == "datasets"


@pytest.mark.parametrize("root", ["synthetic:", "synthetic:x", "synthetic:-1"])
def test_a_synthetic_root_needs_a_seed(root):
    with pytest.raises(ValueError, match="such as synthetic:0"):
        data.data_root(root)


def test_unknown_synthetic_parts_are_refused():
    with pytest.raises(ValueError, match="no synthetic part 'cilp'"):
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
