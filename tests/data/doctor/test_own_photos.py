import pytest

from dcac_fastreid.data.doctor import diagnose


@pytest.fixture
def own(paint, tmp_path):
    """own(**photos): person -> names of photos, each of another look."""

    def own(**photos):
        for person, names in photos.items():
            for name in names:
                paint(tmp_path / "photos" / person / name, (person, name))
        return tmp_path / "photos"

    return own


def sentences(folder, kind, **options):
    report, _ = diagnose(folder, **options)
    every = [finding for found in report.data_sets for finding in found.findings] + report.findings
    return [(finding.sentence, finding.stops) for finding in every if finding.kind == kind]


PLAIN = {person: ["1.png", "2.png", "3.png"] for person in ("anna", "ben", "carl", "dora")}


def test_unknown_cameras_are_told(own):
    ((sentence, stops),) = sentences(own(**PLAIN), "camera")
    assert not stops and "are unknown, so every match counts" in sentence and "0 near-duplicates of queries" in sentence
    assert "as in cam2_0001.jpg, or by folders PERSON/CAMERA" in sentence


def test_near_duplicates_are_counted(own, paint):
    folder = own(**PLAIN)
    assert sentences(folder, "near") == sentences(folder, "label") == []
    for person in PLAIN:
        paint(folder / person / "4.png", (person, "1.png"), noise=2)
    ((sentence, stops),) = sentences(folder, "near")
    assert not stops and sentence.startswith("8 of 16 photos are near-duplicates of another one")


def test_near_duplicates_of_two_people_are_shown(own, paint):
    folder = own(**PLAIN)
    for person in ("ben", "carl", "dora"):
        paint(folder / person / "4.png", ("anna", "1.png"), noise=2)
    ((sentence, stops),) = sentences(folder, "label")
    assert not stops and sentence.startswith(
        "6 pairs of near-duplicates lie under two people, 4 of them with one in training"
    )
    assert f"{folder}/anna/1.png and {folder}/" in sentence


def test_a_person_in_training_and_test_is_named(own, tmp_path, paint):
    for part, identities in (("train", ("anna", "ben")), ("test", ("ben", "carl"))):
        for person in identities:
            for name in ("1.png", "2.png"):
                paint(tmp_path / "photos" / part / person / name, (part, person, name))
    ((sentence, stops),) = sentences(tmp_path / "photos", "leak")
    assert not stops and sentence.startswith("1 people are in training and in the test: ben; if")


def test_what_cannot_be_tested_stops(own, paint):
    folder = own(**{person: ["1.png"] for person in PLAIN})
    ((sentence, stops),) = sentences(folder, "test")
    assert (
        stops
        and sentence.startswith("not one of the 2 test people in")
        and "no near-duplicates of each other" in sentence
    )


def test_people_without_an_answer_stop(tmp_path, paint):
    for person in ("anna", "ben"):
        paint(tmp_path / "photos" / "query" / person / "1.png", (person, 1))
        paint(tmp_path / "photos" / "gallery" / person / "1.png", (person, 2 if person == "anna" else 1), noise=2)
    ((sentence, stops),) = sentences(tmp_path / "photos", "test")
    assert (
        stops
        and sentence.startswith("1 people of query in")
        and "that is no near-duplicate of it: ben; add" in sentence
    )


def test_what_a_run_would_refuse_is_the_finding(own):
    folder = own(**PLAIN, emil=["cam1_1.png"])
    ((sentence, stops),) = sentences(folder, "name", quick=True)
    assert stops and "12 of 13 photos in" in sentence and "tell no camera" in sentence


def test_few_people_single_photos_and_other_files_are_noted(own):
    folder = own(**PLAIN, emil=["1.png"], fred=["1.png"], gina=["1.png"], hans=["1.png"])
    (folder / "anna" / "IMG_1.HEIC").write_bytes(b"")
    notes = [sentence for sentence, stops in sentences(folder, "note", quick=True) if not stops]
    assert len(notes) == 3
    assert notes[0].startswith(
        "4 people with 6 photos to train on fill no batch of 64, 4 of each person; set SOLVER.IMS_PER_BATCH 4"
    )
    assert "training people have one photo alone" in notes[1]
    assert "passed over 1 photo, not of a format that is read here (1 .heic; convert to" in notes[2]


def test_photos_that_fill_no_batch_at_all_stop(tmp_path, paint):
    for person in ("anna", "ben", "carl"):
        paint(tmp_path / "photos" / "train" / person / "1.png", person)
    ((sentence, stops),) = [
        found for found in sentences(tmp_path / "photos", "note", quick=True) if "batch" in found[0]
    ]
    assert stops and sentence.startswith(
        "3 people with 3 photos to train on fill no batch of 64, 4 of each person; add photos"
    )


def test_many_people_with_few_photos_fill_no_batch_either(tmp_path, paint):
    for person in range(20):
        for name in "ab":
            paint(tmp_path / "photos" / "train" / f"p{person}" / f"{name}.png", (person, name))
    ((sentence, stops),) = sentences(tmp_path / "photos", "note", quick=True)
    assert not stops and sentence.endswith("; set SOLVER.IMS_PER_BATCH 40")
    report, _ = diagnose(tmp_path / "photos", quick=True)
    assert report.ims_per_batch == report.data_sets[0].ims_per_batch == 40
