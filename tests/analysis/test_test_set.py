import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dcac_fastreid.analysis import distances, embedding, ranked_lists
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation.rank import measures, ranks_of_blocks


def test_features_are_those_of_the_scores(dcac_run):
    test_set = dcac_run.test_set()
    assert test_set.name == "DG_DukeMTMC"  # the first of two
    assert len(test_set.features) == len(test_set.people) == len(test_set.cameras) == len(test_set.paths)
    assert test_set.average_precisions.shape == (test_set.num_query,)
    assert np.nanmean(test_set.average_precisions) == pytest.approx(test_set.scores["mAP"])
    assert dcac_run.test_set("DG_DukeMTMC") is test_set
    torch.testing.assert_close(dcac_run.features(test_set.paths[:5]), test_set.features[:5], atol=1e-4, rtol=1e-4)


def test_labels_are_those_of_the_file_names(dcac_run):
    test_set = dcac_run.test_set()
    for path, person, camera in zip(test_set.paths, test_set.people, test_set.cameras, strict=True):
        assert re.match(rf"0*{person}_c{camera + 1}_", path.rpartition("/")[2])


def test_a_query_without_a_match_has_no_average_precision(dcac_run, monkeypatch):
    from dcac_fastreid.evaluation import matches

    found = matches.Matches.of

    def of(self, query):  # the first query's matches are by its own camera
        same_person, is_junk = found(self, query)
        return same_person, np.ones_like(is_junk) if query == 0 else is_junk

    monkeypatch.setattr(matches.Matches, "of", of)
    test_set = Run(dcac_run.checkpoint).test_set()
    assert np.flatnonzero(np.isnan(test_set.average_precisions)).tolist() == [0]
    assert np.nanmean(test_set.average_precisions) == pytest.approx(test_set.scores["mAP"])


@pytest.mark.parametrize(
    "opts",
    [
        (),
        ("TEST.METRIC", "euclidean"),
        ("TEST.AQE.ENABLED", True),
        ("TEST.RERANK.ENABLED", True, "TEST.RERANK.K1", 5, "TEST.RERANK.K2", 2),
    ],
)
def test_distances_are_those_that_the_scores_rank_by(trained, opts):
    test_set = Run(trained["baseline"], opts=opts).test_set()
    _, precisions, _ = measures(ranks_of_blocks(test_set.distances, test_set.matches), max_rank=10)
    np.testing.assert_allclose(100 * precisions, test_set.average_precisions, rtol=1e-6)
    assert test_set.similarity is (not opts)


@pytest.fixture
def own_photos(trained, tiny_data, tmp_path):
    """own_photos(pattern, people): a run tested on one's own photos, called by camera and number."""

    def own_photos(pattern, people=4):
        for number, path in enumerate(sorted((tiny_data / "DukeMTMC-reID" / "bounding_box_train").iterdir())):
            person, camera, _ = path.name.split("_")
            copy = tmp_path / "photos" / "test" / person / pattern.format(camera=camera, number=number)
            if copy.parent.exists() or len(list(tmp_path.glob("photos/test/*"))) < people:
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
        return Run(trained["baseline"], opts=["DATASETS.ROOT", str(tmp_path / "photos")], dataset="PersonFolders")

    return own_photos


def test_cameras_that_are_not_known_are_not_shown(own_photos):
    """fast-reid gets one label for all queries and another for the gallery, so that every match counts."""
    run = own_photos("{number}.jpg")
    assert not run.test_set().has_cameras and set(run.test_set().cameras) == {-1}
    (lists,), (pairs,) = ranked_lists.sections(run, queries=1, k=2), distances.sections(run)
    assert "own camera" not in lists.caption and "genuine (the same person)" in pairs.caption
    assert set(embedding.take_sample(["PersonFolders"], run.cfg.DATASETS.ROOT, 20, seed=0).cameras) == {-1}
    assert "same camera" not in embedding.sections(run, datasets=["PersonFolders"])[0].caption


def test_cameras_that_are_known_are_shown(own_photos):
    run = own_photos("{camera}_{number}.jpg")
    assert run.test_set().has_cameras and len(set(run.test_set().cameras)) > 1
    (lists,), (pairs,) = ranked_lists.sections(run, queries=1, k=2), distances.sections(run)
    assert "own camera" in lists.caption and "genuine (the same person by another camera)" in pairs.caption
    assert min(embedding.take_sample(["PersonFolders"], run.cfg.DATASETS.ROOT, 20, seed=0).cameras) == 0
    assert "same camera" in embedding.sections(run, datasets=["PersonFolders"])[0].caption


def test_people_are_called_as_their_folders(own_photos, monkeypatch):
    """Below the images and in the legend, not by their place in the order of names, or a number without its zeros."""
    run = own_photos("{camera}_{number}.jpg")
    folders = {path.parent.name for path in (Path(run.cfg.DATASETS.ROOT) / "test").glob("*/*")}
    assert set(run.test_set().person_names.values()) == folders and all(name[0] == "0" for name in folders)
    written = []
    monkeypatch.setattr(Axes, "scatter", lambda self, *_, label, **__: written.append(label))
    (lists,) = ranked_lists.sections(run, queries=1, k=2)
    assert {tile.name for tile in lists.strips[0].tiles} <= folders
    sample = embedding.take_sample(["PersonFolders"], run.cfg.DATASETS.ROOT, 20, seed=0)
    embedding._draw_identities(Figure().subplots(), sample, np.zeros((len(sample.paths), 2)))
    assert {text.removeprefix("PersonFolders ") for text in written if text.startswith("Person")} <= folders


def test_one_person_alone_has_no_impostors(own_photos):
    with pytest.raises(InputError, match="PersonFolders has one person alone, so no pair of two people"):
        distances.sections(own_photos("{number}.jpg", people=1))
