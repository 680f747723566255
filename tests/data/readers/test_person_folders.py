"""One's own photos train and are tested with no other preprocessing, honestly where cameras are unknown."""

import json
import os
import shutil
from pathlib import Path

import pytest

import dcac_fastreid
from dcac_fastreid import data
from dcac_fastreid.data import describe_dataset
from dcac_fastreid.data.near_duplicates import LIMIT, perceptual_hashes
from dcac_fastreid.data.readers.person_folders import PersonFolders
from dcac_fastreid.engine.preflight import check_inputs
from dcac_fastreid.errors import InputError

NAMES = ("anna", "ben", "carl", "dora", "emil", "fred", "gina", "hans")


@pytest.fixture
def own(tmp_path, paint):
    """own(folder, pattern, identities): 3 moments of each person, 2 frames of each, which are near-duplicates.

    pattern: of {moment} and {frame}; a moment stands for a camera too.
    """

    def own(pattern="{moment}_{frame}.png", folder="photos", identities=NAMES):
        for person in identities:
            for moment in (1, 2, 3):
                for frame in (0, 1):
                    name = pattern.format(moment=moment, frame=frame)
                    paint(tmp_path / folder / person / name, (person, moment), noise=2 * frame)
        return tmp_path / folder

    return own


def test_people_of_one_folder_are_divided_and_labelled(own):
    dataset = PersonFolders(root=str(own()))
    trained = {person for _, person, _ in dataset.train}
    tested = {Path(path).parent.name for path, _, _ in dataset.query + dataset.gallery}
    assert len(trained) == len(tested) == 4 and not trained & {f"own_{name}" for name in tested}
    assert {camera for _, _, camera in dataset.train} == {"own_unknown"} and len(dataset.train) == 24
    assert {person for _, person, _ in dataset.gallery} == set(range(4)), (
        "numbers, as fast-reid's evaluation needs them"
    )


def test_without_cameras_no_near_duplicate_of_a_query_is_in_the_gallery(own):
    dataset = PersonFolders(root=str(own()))
    assert (len(dataset.query), len(dataset.gallery)) == (4, 16), "the other frame of each query is left out"
    hashes = perceptual_hashes([item[0] for item in dataset.query + dataset.gallery])
    for path, person, camera in dataset.query:
        answers = [other for other in dataset.gallery if other[1] == person]
        assert len(answers) == 4 and camera not in {other[2] for other in answers}, "every answer counts"
        for other, _, _ in answers:
            assert (int(hashes[path], 16) ^ int(hashes[other], 16)).bit_count() > LIMIT


@pytest.mark.parametrize(
    "pattern", ["cam{moment}_{frame}.png", "0002_c{moment}s1_{frame}.png", "gate {moment}/{frame}.png"]
)
def test_with_cameras_the_test_is_the_usual_one(own, pattern):
    dataset = PersonFolders(root=str(own(pattern)))
    assert (len(dataset.query), len(dataset.gallery)) == (4, 20), "the other frame stays, under the query's camera"
    assert {camera for _, _, camera in dataset.gallery} == {0, 1, 2}
    assert {camera[:4] for _, _, camera in dataset.train} == {"own_"} and len({item[2] for item in dataset.train}) == 3
    for _, person, camera in dataset.query:
        assert {other[2] for other in dataset.gallery if other[1] == person} - {camera}


def test_log_and_run_metadata_say_that_cameras_are_unknown(own, logged):
    folder = own()
    PersonFolders(root=str(folder))
    first, second = logged()
    assert first.startswith(f"PersonFolders is read from {folder}: half of the people trained on")
    assert "cameras unknown, so 4 of 24 test photos are left out as near-duplicates of a query" in first
    assert second.startswith("PersonFolders: cameras are unknown") and "higher than under the usual protocol" in second
    described = describe_dataset("PersonFolders", str(folder))
    assert described["variant"] in first and str(folder) not in json.dumps(described)
    assert [described[split]["cameras"] for split in ("train", "query", "gallery")] == [None] * 3
    assert described["gallery"]["images"] == 16


def test_run_metadata_counts_cameras_where_they_are_known(own, logged):
    folder = own("cam{moment}_{frame}.png")
    described = describe_dataset("PersonFolders", str(folder))
    assert described["train"]["cameras"] == described["gallery"]["cameras"] == 3
    assert described["variant"].endswith("; 3 cameras in the test, from file names or folders")
    assert logged() == []


@pytest.mark.parametrize(("pattern", "cameras"), [("{moment}_{frame}.png", None), ("cam{moment}_{frame}.png", 3)])
def test_run_metadata_tells_held_out_people_of_ones_own_photos(own, make_cfg, pattern, cameras):
    cfg = make_cfg("baseline/ma_ms.yml", "SOLVER.INTERPOLATE.CHOOSE", "source")
    folder = own(pattern)
    described, plain = (describe_dataset("PersonFolders", str(folder), of_run) for of_run in (cfg, None))
    assert [described[split]["cameras"] for split in ("train", "validation")] == [cameras] * 2
    assert described["train"]["identities"] + 2 == plain["train"]["identities"]


def test_folders_of_splits_are_taken_as_they_are(own):
    own(folder="photos/train", identities=NAMES[:2])
    root = own(folder="photos/test", identities=NAMES[2:4])
    dataset = PersonFolders(root=str(root.parent))
    assert {person for _, person, _ in dataset.train} == {"own_anna", "own_ben"}
    assert {Path(path).parent.name for path, _, _ in dataset.query} == {"carl", "dora"}
    shutil.rmtree(root)
    dataset = PersonFolders(root=str(root.parent))
    assert len(dataset.train) == 12 and dataset.query == dataset.gallery == []


def test_near_duplicates_of_ones_own_queries_leave_the_gallery(own, paint, tmp_path):
    root = own(folder="photos/gallery", identities=("0007", "0012")).parent
    for moment in (1, 2):
        paint(root / "query" / "0007" / f"{moment}.png", ("0007", moment), noise=3)
    paint(root / "query" / "0012" / "1.png", ("0007", 1), noise=4)  # of another person: a lookalike, which must stay
    dataset = PersonFolders(root=str(root))
    assert [person for _, person, _ in dataset.query] == [7, 7, 12], "names that are numbers stay these numbers"
    assert dataset.person_names == {7: "0007", 12: "0012"}
    assert [Path(photo.path).name for photo in dataset.splits.left_out] == ["1_0.png", "1_1.png", "2_0.png", "2_1.png"]
    assert {photo.person for photo in dataset.splits.left_out} == {"0007"} and len(dataset.gallery) == 8


def test_they_may_lie_beside_other_data_sets(own, lay_out, tmp_path):
    own(folder="person_folders")
    lay_out(tmp_path / "Market-1501-v15.09.15", "DG_Market1501")
    assert len(PersonFolders(root=str(tmp_path)).train) == 24


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            "nowhere",
            "there is no folder .*nowhere; expected the DATASETS.ROOT of PersonFolders, a folder for each person",
        ),
        ("", "Market-1501-v15.09.15 should be the folder of a person, but holds bounding_box_test, bounding_box_train"),
    ],
)
def test_another_folder_is_refused(lay_out, tmp_path, folder, message):
    lay_out(tmp_path / "Market-1501-v15.09.15", "DG_Market1501")
    with pytest.raises(InputError, match=message):
        PersonFolders(root=str(tmp_path / folder))


def test_splits_beside_people_are_refused(own):
    root = own(folder="photos")
    own(folder="photos/query", identities=NAMES[:1])
    with pytest.raises(
        InputError, match="photos holds query, anna, ben, carl; expected a folder for each person; or train"
    ):
        PersonFolders(root=str(root))


def test_a_model_trains_and_is_tested_on_them(own, make_trainer, make_cfg, logged):
    """Names need be no text: of an archive from another system, say."""
    root = own()
    for person in NAMES:
        (root / person).rename(root / os.fsdecode(person.encode() + b" caf\xe9\n"))
    opts = ("DATASETS.NAMES", ("PersonFolders",), "DATASETS.TESTS", ("PersonFolders",), "DATASETS.ROOT", str(root))
    check_inputs(make_cfg("baseline/ma_ms.yml", *opts), training=True)
    trainer = make_trainer("baseline/ma_ms.yml", *opts)
    trainer.resume_or_load(resume=False)
    assert trainer.train().keys() >= {"mAP", "Rank-1"}
    metadata = json.loads((Path(trainer.cfg.OUTPUT_DIR) / "stamp.json").read_text())
    assert "cameras unknown, so 4 of 24 test photos" in metadata["data_sets"]["PersonFolders"]["variant"]
    assert sum("cameras are unknown" in line for line in logged()) == 1


def test_the_shipped_config_names_them(configs):
    cfg = dcac_fastreid.load_config(str(configs / "own_photos.yml"))
    assert cfg.DATASETS.NAMES == cfg.DATASETS.TESTS == ("PersonFolders",)


def test_a_command_on_a_bad_folder_points_to_check_data(own, paint, make_cfg):
    root = own()
    paint(root / "anna" / "cam1_9.png", "another")
    cfg = make_cfg("ma_ms.yml", "DATASETS.NAMES", ("PersonFolders",), "DATASETS.ROOT", str(root))
    with pytest.raises(InputError, match=rf"tell no camera .*; dcac-fastreid check-data {root} tells more"):
        data.check_datasets(cfg, training=True)
