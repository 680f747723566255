"""Who is seen where and when."""

import pytest

from dcac_fastreid.synthetic.domains import DOMAINS, Counts
from dcac_fastreid.synthetic.plan import plan, summary

SMALLEST = Counts(train_ids=1, train_images=2, test_ids=1, queries=1, gallery=2)


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("counts", [None, SMALLEST])
def test_every_query_has_a_match_from_another_camera(name, counts):
    for seed in range(5):
        shots = plan(name, seed, counts)
        cameras = {}
        for shot in shots:
            if shot.split == "gallery":
                cameras.setdefault(shot.person, set()).add(shot.camera)
        queries = [shot for shot in shots if shot.split == "query"]
        assert queries and all(cameras[query.person] - {query.camera} for query in queries)


def test_every_person_of_cuhk03_is_seen_by_both_cameras():
    shots = plan("cuhk03np", 0)
    for person in {shot.person for shot in shots}:
        assert {shot.camera for shot in shots if shot.person == person} == {0, 1}


def test_domains_have_sizes_of_their_own_within_a_minute_of_training():
    sizes = {name: summary(plan(name, 0)) for name in DOMAINS}
    assert all(560 <= size["train"]["images"] <= 900 for size in sizes.values())
    assert all(30 <= size["query"]["identities"] <= 50 for size in sizes.values())
    assert all(300 <= size["query"]["images"] <= 500 for size in sizes.values())
    assert all(size["validation"] == {"identities": 32, "images": 256} for size in sizes.values())
    assert len({size["train"]["identities"] for size in sizes.values()}) == len(DOMAINS)
    assert sizes["market1501"]["train"] == {"identities": 60, "images": 720}


def test_distractors_and_junk_are_in_the_proportions_of_the_real_gallery():
    size = summary(plan("market1501", 0))
    assert size["gallery"] == {"identities": 40, "images": 400}
    assert size["distractors"] == {"identities": 0, "images": 80}  # the real one: 2,798 of 13,115
    assert size["junk"] == {"identities": 40, "images": 120}  # 3,819 of 13,115
    assert not any({"distractors", "junk"} & set(summary(plan(name, 0))) for name in DOMAINS if name != "market1501")


@pytest.mark.parametrize("name", DOMAINS)
def test_training_images_stay_whatever_the_numbers_of_other_people(name):
    few = plan(name, 0, Counts(8, 6, test_ids=3, queries=1, gallery=2))
    many = plan(name, 0, Counts(8, 6, test_ids=9, queries=4, gallery=5, validation_ids=4))
    trained = [[shot for shot in shots if shot.split in ("train", "val")] for shots in (few, many)]
    assert trained[0] == trained[1] and len({shot.person for shot in trained[0]}) == 8


@pytest.mark.parametrize("name", DOMAINS)
def test_people_of_different_splits_are_different_people(name):
    splits = ({"train", "val"}, {"query", "gallery", "junk"}, {"validation"}, {"distractors"})
    people = [{shot.person for shot in plan(name, 0) if shot.split in group} for group in splits]
    assert len(set.union(*people)) == sum(map(len, people))
    labels = [{shot.label for shot in plan(name, 0) if shot.split == split} for split in ("train", "validation")]
    assert labels[0].isdisjoint(labels[1])


def test_too_small_a_gallery_is_refused():
    with pytest.raises(ValueError, match="at least 2 gallery images of its identity, got 1"):
        plan("market1501", 0, Counts(train_ids=1, train_images=2, test_ids=1, queries=1, gallery=1))
