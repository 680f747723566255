import io

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.analysis import ranked_lists
from dcac_fastreid.errors import InputError


def test_lists_are_those_of_the_evaluation(make_test_set):
    """Against a plain loop over the rule: nearest first, the query's person by the query's camera left out."""
    generator = np.random.default_rng(0)
    people, cameras = generator.integers(0, 5, 40), generator.integers(0, 3, 40)
    features = generator.normal(size=(40, 4))
    features[25] = features[26]  # two of the same distance: the gallery's order decides
    test_set = make_test_set(features, people, cameras, num_query=6)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for made in ranked_lists.ranked_lists(test_set, [5, 0, 3], k=7):
        query, ranks, expected = made.query, [], []
        for image in sorted(range(6, 40), key=lambda image: -float(np.float32(unit[query] @ unit[image]))):
            if people[image] == people[query] and cameras[image] == cameras[query]:
                continue
            expected.append(image - 6)
            if people[image] == people[query]:
                ranks.append(len(expected))
        assert made.nearest.tolist() == expected[:7]
        assert made.match_ranks.tolist() == ranks
        assert made.right.tolist() == [people[image + 6] == people[query] for image in expected[:7]]
        np.testing.assert_allclose(1 - made.distances, [unit[query] @ unit[i + 6] for i in expected[:7]], atol=1e-5)


def test_the_worst_and_the_best_come_first():
    precisions = np.array([50.0, np.nan, 10.0, 100.0, 50.0])
    assert ranked_lists.by_average_precision(precisions, "worst").tolist() == [2, 0, 4, 3]
    assert ranked_lists.by_average_precision(precisions, "best").tolist() == [3, 0, 4, 2]


def test_a_section_holds_so_many_lists(dcac_run, monkeypatch):
    monkeypatch.setattr(ranked_lists, "ROWS", 2)
    made = ranked_lists.sections(dcac_run, order="best", queries=3, k=6)
    assert [image.name for image in made] == ["ranked-lists-best-1", "ranked-lists-best-2"]
    assert [len(section.strips) for section in made] == [2, 1]
    first, second = (Image.open(io.BytesIO(section.png)).size for section in made)
    assert first[0] == second[0] and first[1] == pytest.approx(2 * second[1], abs=16)
    tiles = made[0].strips[0].tiles
    assert len(tiles) == 7 and tiles[0].tone == "query" and tiles[1].lines[0].startswith("1 ")
    assert {tile.tone for tile in tiles[1:]} <= {"right", "wrong"}
    assert f"mAP of all queries {dcac_run.test_set().scores['mAP']:.1f} %" in made[0].caption


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "middle"}, "in order 'middle'; expected one of worst, best"),
        ({"queries": 0}, "of 0 queries are asked for; expected 1 or more"),
        ({"k": -1}, r"of -1 gallery images of each \(k\) are asked for; expected 1 or more"),
    ],
)
def test_a_wrong_option_is_named(options, message, dcac_run):
    with pytest.raises(InputError, match=message):
        ranked_lists.sections(dcac_run, **options)
