"""Validation identities: who is held out, and who asks whom."""

from types import SimpleNamespace

import pytest

from dcac_fastreid import data
from dcac_fastreid.data.readers.validation import (
    held_out_identities,
    query_and_gallery,
    training_items,
    validation_items,
)
from dcac_fastreid.errors import InputError

CHOOSE = ("SOLVER.INTERPOLATE.CHOOSE", "source")


@pytest.mark.parametrize(("identities", "expected"), [(751, 75), (20, 2), (5, 2)])
def test_a_tenth_is_held_out_and_two_at_least(identities, expected):
    names = [f"market1501_{number}" for number in range(identities)]
    held_out = held_out_identities(names * 2)
    assert len(held_out) == expected and held_out <= set(names)
    assert held_out_identities(reversed(names)) == held_out


def test_training_and_validation_share_nobody(make_cfg):
    train = [
        (f"{person}_{number}.jpg", f"x_{person}", f"x_{number % 2}") for person in range(30) for number in range(4)
    ]
    cfg, dataset = make_cfg("baseline/ma_ms.yml", *CHOOSE), SimpleNamespace(train=train)
    kept, held_out = training_items(cfg, dataset), validation_items(dataset)
    assert sorted(kept + held_out) == sorted(train)
    assert {person for _, person, _ in kept} & {person for _, person, _ in held_out} == set()
    assert len({person for _, person, _ in held_out}) == 3
    assert training_items(make_cfg("baseline/ma_ms.yml"), dataset) == train


def test_a_data_set_with_validation_identities_of_its_own_trains_on_all_others(make_cfg):
    train, own = [("a.jpg", 1, 0), ("b.jpg", 2, 0)], [("v.jpg", 9, 0)]
    dataset = SimpleNamespace(train=train, validation=own)
    assert training_items(make_cfg("baseline/ma_ms.yml", *CHOOSE), dataset) == train
    assert validation_items(dataset) == own


def test_the_first_image_by_each_camera_asks_and_all_answer():
    items = [
        ("b.jpg", "x_7", "x_c2"), ("a.jpg", "x_7", "x_c2"), ("c.jpg", "x_7", "x_c5"),
        ("d.jpg", "x_3", "x_c2"), ("e.jpg", "x_3", "x_c2"),  # one camera: answers alone
    ]  # fmt: skip
    query, gallery = query_and_gallery(items)
    assert query == [("a.jpg", 1, 0), ("c.jpg", 1, 1)]
    assert gallery == [("a.jpg", 1, 0), ("b.jpg", 1, 0), ("c.jpg", 1, 1), ("d.jpg", 0, 0), ("e.jpg", 0, 0)]


def test_the_loaders_of_a_run(make_cfg):
    cfg = make_cfg("baseline/ma_ms.yml", *CHOOSE)
    trained = {path for path, _, _ in data.build_train_loader(cfg).dataset.img_items}
    ((loader, num_query),) = data.build_validation_loaders(cfg)
    paths = [path for batch in loader for path in batch["img_paths"]]
    assert len(trained) == 36 and set(paths).isdisjoint(trained) and len(set(paths)) == 12
    assert 0 < num_query == len(paths) - 12


def test_sources_without_people_to_choose_by_are_refused_before_a_run(make_cfg, monkeypatch):
    cfg = make_cfg("baseline/ma_ms.yml", *CHOOSE)
    data.check_datasets(cfg, training=True)
    monkeypatch.setattr(
        "dcac_fastreid.data.readers.validation.held_out_identities", lambda identities: set(sorted(set(identities))[:1])
    )
    with pytest.raises(InputError, match="has 1 validation identities, of whom fewer than 2 are seen by two cameras"):
        data.check_datasets(cfg, training=True)
