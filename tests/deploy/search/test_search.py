import dataclasses
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy.search.answer_section import MOST, answer_section
from dcac_fastreid.deploy.search.answers import Answer, Hit, describe_calibration
from dcac_fastreid.deploy.search.calibration_file import read_calibration, write_calibration
from dcac_fastreid.deploy.search.cameras_and_times import camera_of
from dcac_fastreid.deploy.search.feature_folder import extract_folder
from dcac_fastreid.deploy.search.index_file import read_index_file, write_index_file
from dcac_fastreid.deploy.search.known_people import people_of_dataset
from dcac_fastreid.deploy.search.search import Search, calibrate_index
from dcac_fastreid.deploy.search.vectors import Where
from dcac_fastreid.errors import InputError

RATE = 0.1  # what the pairs of six people can state


@pytest.fixture
def queries(tiny_data):
    return sorted((tiny_data / "Market-1501-v15.09.15" / "query").iterdir())


@pytest.fixture
def calibrated(index, tiny_data, tmp_path):
    """A copy of the index, calibrated."""
    folder = shutil.copytree(index, tmp_path / "index")
    calibrate_index(folder, people_of_dataset("DG_Market1501", str(tiny_data)), RATE, device="cpu")
    return folder


def made_of(checkpoint, tmp_path) -> Path:
    """The checkpoint with other weights."""
    content = torch.load(checkpoint)
    content["model"]["heads.bottleneck.0.running_mean"] += 1
    torch.save(content, tmp_path / "other.pth")
    return tmp_path / "other.pth"


def test_without_a_calibration_there_is_a_rank_and_no_verdict(index, queries):
    search = Search(index, device="cpu")
    answers = search(queries[:2], k=4)
    for answer, query in zip(answers, queries[:2], strict=True):
        assert answer.photo == query and len(answer.hits) == 4
        similarities = [hit.similarity for hit in answer.hits]
        assert similarities == sorted(similarities, reverse=True) and similarities[0] <= 1.0001
        assert not answer.is_nobody and {(hit.probability, hit.above_threshold) for hit in answer.hits} == {
            (None, None)
        }
        assert "no threshold and no chance are known" in answer.verdict(None)
        assert "unknown" in answer.table(search.gallery.images)
    assert "not calibrated" in search.notes()


def test_a_photo_finds_itself(index, extract):
    search = Search(index, device="cpu")
    photo = search.gallery.photos[7]
    assert search([photo])[0].hits[0].photo == photo


def test_a_calibrated_search_says_above_or_nobody_by_the_threshold(calibrated, queries):
    search = Search(calibrated, device="cpu")
    known = read_calibration(calibrated)
    for answer in search(queries):
        for hit in answer.hits:
            assert hit.above_threshold == (hit.similarity >= known.threshold)
            assert hit.probability == pytest.approx(float(known.probability(hit.similarity, 1 / 36)))
        assert answer.is_nobody == (answer.hits[0].similarity < known.threshold)
    notes = search.notes()
    assert (
        f"Above the threshold, {known.threshold:.3f}: alike enough to be looked at. At most 10 % of the comp" in notes
    )
    assert (
        "A search makes 35 comparisons: 3.5 photos of strangers are expected above the threshold in the mean" in notes
    )
    assert f"{100 * known.false_searches:.3g} % find" in notes and "Neither figure is a proof" in notes
    assert "1 in 36, as if each gallery photo, or nobody, were equally likely" in notes
    surer = Search(calibrated, device="cpu", prior=0.5)([queries[0]])[0].hits[0].probability
    assert surer > search([queries[0]])[0].hits[0].probability


def test_a_stated_rate_is_kept_by_the_searches_of_strangers(calibrated, tiny_data):
    """The gallery's own pairs of two people are the calibration's: as many are above the threshold as were stated."""
    search, known = Search(calibrated, device="cpu"), read_calibration(calibrated)
    answers = [
        answer for answer in search(search.gallery.photos, k=35) if not answer.photo.name.startswith(("0000", "-1"))
    ]
    strangers = [
        hit.above_threshold
        for answer in answers
        for hit in answer.hits
        if not hit.photo.name.startswith(("0000", "-1", answer.photo.name[:4]))
    ]
    assert len(strangers) == 24 * 20 and 0.4 * RATE < sum(strangers) / len(strangers) < 2 * RATE
    assert known.validation["pictures"] == 30


def test_the_words_for_an_answer(calibration):
    known = calibration
    low, high = Hit(Path("g/a/low.jpg"), 0.4, 0.01, False), Hit(Path("g/b/high.jpg"), 0.7, 0.178, True)
    nobody, somebody = Answer(Path("q.jpg"), [low]), Answer(Path("q.jpg"), [high, low])
    assert nobody.is_nobody and not somebody.is_nobody
    chance = "chance that the first one shows the same person: 18 %"
    for answer, verdict in (
        (nobody, "nobody here: the best similarity, 0.400, is below the threshold 0.500"),
        (somebody, f"1 of the 2 listed photos is above the threshold 0.500, look at it; {chance}"),
        (Answer(Path("q.jpg"), [high]), f"the one listed photo is above the threshold 0.500, look at it; {chance}"),
        (
            Answer(Path("q.jpg"), [high] * 2),
            f"2 of the 2 listed photos are above the threshold 0.500, look at them; {chance}",
        ),
        (Answer(Path("q.jpg"), [low], "Hint: cut."), f"{nobody.verdict(known)}. Hint: cut."),
    ):
        assert answer.verdict(known) == verdict
    lines = somebody.table(Path("g")).splitlines()
    assert re.split("  +", lines[0].strip()) == ["rank", "photo", "similarity", "threshold", "same person"]
    rows = [re.split("  +", line.strip()) for line in lines[2:]]
    assert rows == [["1", "b/high.jpg", "0.700", "above", "18 %"], ["2", "a/low.jpg", "0.400", "below", "1 %"]]


def test_no_chance_is_none_or_certain():
    chances = [Hit(Path("a.jpg"), 0.5, probability).chance for probability in (0.0, 0.009, 0.01, 0.5, 0.99, 0.995, 1.0)]
    assert chances == ["<1 %", "<1 %", "1 %", "50 %", "99 %", ">99 %", ">99 %"]


def test_no_word_calls_a_similar_photo_a_match(calibrated, queries):
    """Whoever guards a door takes "match" for "this is the person"; "false-match rate" is the name of a figure."""
    search = Search(calibrated, device="cpu")
    (answer,) = search([queries[0]], k=35)
    words = [answer.verdict(search.calibration), answer.table(search.gallery.images), search.notes()]
    assert not re.search(r"(?<!false-)match", " ".join(words))


def test_what_is_told_of_a_calibration(calibrated):
    told = describe_calibration(read_calibration(calibrated), 200)
    assert "6 people, 30 images" in told and "by different cameras" in told
    assert "at most 10 % of the pairs of two people are above it" in told and "per comparison" in told
    assert (
        "with 200 photos" in told
        and "20 photos are expected above the threshold" in told
        and "in 100 % of the searches" in told
    )
    assert re.search(r"Measured: of the images of DG_Market1501, each .*, \d+(\.\d)? % find one or more\.", told)
    assert "only if these people were in no training" in told
    assert (
        "Brier score" in told
        and "On people held out (two halves, each with the threshold of the other; mean of both)" in told
        and "By other" not in told
    )
    other = {"false_match_rate": 0.01, "threshold": 0.9, "true_match_rate": 0.5}
    known = dataclasses.replace(read_calibration(calibrated), other_rates=[other])
    assert "By other false-match rates" in describe_calibration(known, 200) and "at 1 % threshold 0.900 and 50 %" in (
        describe_calibration(known, 200)
    )


def test_the_section_shows_every_photo(index, queries):
    answer = Search(index, device="cpu")([queries[0]], k=7)[0]
    folder = answer.hits[0].photo.parent
    section = answer_section(3, answer, folder, "a verdict")
    (strip,) = section.strips
    assert section.name == "search-3" and strip.heading == "a verdict." and section.png.startswith(b"\x89PNG")
    assert [tile.name for tile in strip.tiles] == [queries[0].name, *answer.names(folder)]
    many = answer_section(1, Answer(answer.photo, answer.hits * 30), folder, "a verdict")
    assert len(many.strips[0].tiles) == 1 + MOST and f"the first {MOST} of 210 photos" in many.strips[0].heading


def test_the_section_shows_what_is_above_the_threshold(index, queries):
    photo = Search(index, device="cpu").gallery.photos[0]
    hits = [Hit(photo, 0.9, 0.5, above) for above in (True, False)] + [Hit(photo, 0.9)]
    (strip,) = answer_section(1, Answer(queries[0], hits), photo.parent, "a verdict").strips
    assert [tile.tone for tile in strip.tiles] == ["query", "above", "below", "below"]
    assert [tile.lines for tile in strip.tiles] == [
        ["query"],
        ["1. above threshold", "similarity 0.900", "same person 50 %"],
        ["2. below threshold", "similarity 0.900", "same person 50 %"],
        ["3.", "similarity 0.900"],
    ]


def test_a_file_name_need_be_no_text(index, extract, tmp_path):
    """Of an archive from another system, say: the table can be printed, the page written and its section made."""
    photo = os.fsencode(tmp_path / "photos") + b"/caf\xe9\n.jpg"
    (tmp_path / "photos").mkdir()
    shutil.copy(Search(index, device="cpu").gallery.photos[0], photo)
    extract_folder(extract, tmp_path / "photos", tmp_path / "index")
    (answer,) = Search(tmp_path / "index", device="cpu")([os.fsdecode(photo)])
    assert answer.names(tmp_path / "photos") == ["caf\\xe9\\n.jpg"]
    assert answer.table(tmp_path / "photos").encode() and answer_section(1, answer, tmp_path / "photos", "a verdict")


def test_what_the_index_no_longer_fits_is_told(index, extract, queries, tmp_path):
    photos = [tmp_path / "photos" / f"{name}.jpg" for name in ("gone", "other", "same")]
    photos[0].parent.mkdir()
    for photo in photos:
        shutil.copy(queries[0], photo)
    extract_folder(extract, photos[0].parent, tmp_path / "index")
    photos[0].unlink()
    shutil.copy(queries[1], photos[1])
    shutil.copy(queries[1], tmp_path / "photos" / "new.jpg")
    notes = Search(tmp_path / "index", device="cpu").notes()
    for sentence in (
        "Photos that are gone: 1, .*gone.jpg; bring the index up to date: ",
        "Photos that have changed since they were indexed, and are left out: 1, .*other.jpg; bring the index up to date: ",
        "Photos that lie in the folder and are not in the index: 1, .*new.jpg; bring the index up to date: ",
    ):
        again = f"dcac-fastreid search index --update --index {tmp_path}/index"
        assert re.search(f"^{sentence}{again}$", notes, re.MULTILINE), notes


def test_another_checkpoint_is_refused(index, calibrated, checkpoint, tmp_path):
    other = made_of(checkpoint, tmp_path)
    with pytest.raises(InputError, match="^the index .* was made with model_final.pth .* this is other.pth"):
        Search(index, checkpoint=other, device="cpu")
    known = read_calibration(calibrated)
    of_other = dataclasses.replace(known, encoder={**known.encoder, "sha256": 64 * "0"})
    write_calibration(of_other, calibrated)
    with pytest.raises(
        InputError, match="^the calibration of .* was made with model_final.pth .*; calibrate again: dcac-fastreid"
    ):
        Search(calibrated, device="cpu")


def test_a_checkpoint_that_has_moved_is_named(calibrated, checkpoint, tmp_path):
    moved = shutil.copy(checkpoint, tmp_path / "moved.pth")
    features, content = read_index_file(calibrated)
    write_index_file(calibrated, features, {**content, "checkpoint_file": str(tmp_path / "gone.pth")})
    with pytest.raises(InputError, match="was made with .*gone.pth, which is gone; name it by --checkpoint"):
        Search(calibrated, device="cpu")
    assert len(Search(calibrated, checkpoint=moved, device="cpu").gallery) == 35


def test_wrong_questions_are_one_sentence(index, queries):
    for prior in (0, 1.0, -1, float("nan"), "0.5", True, [0.5]):
        with pytest.raises(InputError, match="^the prior is .*; expected a number above 0 and below 1, such as 0.01$"):
            Search(index, prior=prior, device="cpu")
    for device in ("", "gpu", "cuda:99", 7.5, "meta", "mps"):
        with pytest.raises(InputError, match="^the device is "):
            Search(index, device=device)
    search = Search(index, device="cpu")
    for k in (0, -3, 2.0, True, "5", None):
        with pytest.raises(InputError, match="^the number of photos that are asked for is "):
            search(queries, k=k)
    for photos in ("none.jpg", ["none.jpg"], [""], [None], None, 5, [b"a.jpg"], ["a\0b"], [queries[0].parent]):
        with pytest.raises(InputError) as error:
            search(photos)
        assert "\n" not in str(error.value)
    assert search([]) == []


def test_one_photo_needs_no_list(index, queries):
    search = Search(index, device="cpu")
    assert search(queries[0]) == search(str(queries[0])) == search([queries[0]])


def test_files_of_two_indexes_do_not_mix(extract, tiny_data, queries, tmp_path):
    """Nor does a table that a spreadsheet has sorted: whatever is exchanged or sorted, no photo gets another one's similarity."""
    for name in ("Market-1501-v15.09.15", "DukeMTMC-reID"):
        photos = sorted((tiny_data / name / "bounding_box_test").glob("0*.jpg"))[:12]
        (tmp_path / name).mkdir()
        for photo in photos:
            shutil.copy(photo, tmp_path / name)
        extract_folder(extract, tmp_path / name, tmp_path / f"of {name}")
    one, two = sorted(tmp_path.glob("of *"))

    def exchanged(file):
        shutil.copy(two / file.name, file)

    def sorted_backwards(file):
        head, *rows = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(head + b"".join(sorted(rows, reverse=True)))

    question = extract([queries[0]])[0]
    for file in one.glob("*.safetensors"):
        for change in (exchanged, sorted_backwards):
            index = shutil.copytree(one, tmp_path / "changed", dirs_exist_ok=True)
            change(index / file.name)
            try:
                (answer,) = Search(index, device="cpu")([queries[0]])
            except InputError:
                continue
            for hit in answer.hits:
                assert hit.similarity == pytest.approx((extract(hit.photo)[0] @ question).item(), abs=1e-4), file.name


def test_a_search_looks_at_the_photos_that_its_filter_leaves(calibrated, queries):
    search = Search(calibrated, device="cpu")
    cameras = search.gallery.cameras
    assert len(set(cameras)) > 2
    everywhere, (answer,) = search([queries[0]], 35), search([queries[0]], 35, Where(cameras=frozenset(["1", "2"])))
    assert {hit.camera for hit in answer.hits} == {"1", "2"}
    count = sum(camera in "12" for camera in cameras)
    same = [hit for hit in everywhere[0].hits if hit.camera in "12"]
    assert [hit.photo for hit in answer.hits] == [hit.photo for hit in same] and len(same) == count
    assert answer.hits[0].probability > same[0].probability, "fewer are searched, so each of them is likelier before"
    assert f"A search makes {count} comparisons" in search.notes(Where(cameras=frozenset(["1", "2"])))
    assert "camera" in answer.table(search.gallery.images) and "time" not in answer.table(search.gallery.images)


def test_the_querys_own_camera_is_left_out(index, queries, tmp_path):
    search = Search(index, device="cpu")
    for answer in search(queries, 35, not_query_camera=True):
        camera = camera_of(answer.photo.name)
        assert {hit.camera for hit in answer.hits} == set(search.gallery.cameras) - {camera}
    search.gallery.cameras[3] = "7"  # as a table may tell, whatever the name says
    (answer,) = search(search.gallery.photos[3], 35, not_query_camera=True)
    assert len(answer.hits) == 35
    unknown = shutil.copy(queries[0], tmp_path / "unknown.jpg")
    with pytest.raises(
        InputError, match="the camera of .*unknown.jpg is not known, .* or search without --not-query-camera"
    ):
        search(unknown, not_query_camera=True)


def test_filters_that_leave_no_photo_are_told(index, queries):
    search = Search(index, device="cpu")
    with pytest.raises(
        InputError, match="the filters leave none of the 35 photos of the index; known: the camera of 35 .*1, 2"
    ):
        search(queries[0], where=Where(cameras=frozenset(["77"])))
    with pytest.raises(InputError, match="the filters leave none of the 35 photos"):
        search(queries[0], where=Where(after=0))
    camera = camera_of(queries[0].name)
    (answer,) = search([queries[0]], where=Where(cameras=frozenset([camera])), not_query_camera=True)
    assert answer.hits == [] and not answer.is_nobody
    assert answer.verdict(None) == "no photo was searched: the filters leave none for this query"
    assert answer.table(search.gallery.images) and answer_section(1, answer, search.gallery.images, "a verdict")


def test_camera_and_time_are_shown_where_they_are_known():
    hit = Hit(Path("g/a.jpg"), 0.5, camera="north", time=1_706_745_599_000)
    answer = Answer(Path("q.jpg"), [hit, Hit(Path("g/b.jpg"), 0.4)])
    lines = answer.table(Path("g")).splitlines()
    assert re.split("  +", lines[0].strip())[-2:] == ["camera", "time"]
    assert lines[2].endswith("north     2024-01-31 23:59:59") and lines[3].rstrip().endswith("unknown")


def test_a_photo_that_is_no_crop_is_answered_with_a_hint(index, tmp_path):
    Image.new("RGB", (192, 108)).save(tmp_path / "frame.jpg")
    (answer,) = Search(index, device="cpu")(tmp_path / "frame.jpg")
    assert len(answer.hits) == 10
    assert re.search(
        r"\. Hint: this photo is wider than tall \(192 x 108\); the search expects one person", answer.verdict(None)
    )


def test_people_who_cannot_state_a_rate_are_told_before_the_work(tiny_data, tmp_path):
    """Features of thousands of images take long; here, not even the index is there."""
    with pytest.raises(InputError, match="0.001 cannot be told from the 375 pairs"):
        calibrate_index(tmp_path / "none", people_of_dataset("DG_Market1501", str(tiny_data)), 0.001, device="cpu")


def test_a_calibration_that_fails_leaves_the_earlier_one(calibrated, tiny_data):
    before = (calibrated / "calibration.json").read_bytes()
    with pytest.raises(InputError, match="0.001 cannot be told from the 375 pairs"):
        calibrate_index(calibrated, people_of_dataset("DG_Market1501", str(tiny_data)), 0.001, device="cpu")
    assert (calibrated / "calibration.json").read_bytes() == before
