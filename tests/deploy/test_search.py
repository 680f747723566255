import dataclasses
import io
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageColor

from dcac_fastreid.deploy.answers import Answer, Hit, describe_calibration
from dcac_fastreid.deploy.calibration import Calibration, read_calibration
from dcac_fastreid.deploy.feature_folder import extract_folder
from dcac_fastreid.deploy.known_people import people_of_dataset
from dcac_fastreid.deploy.search import Search, calibrate_index
from dcac_fastreid.deploy.sheet import (
    BELOW,
    CELL,
    INK,
    MATCH,
    NAME_LINES,
    SMALL,
    TEXT,
    _font,
    _name_lines,
    _wrapped,
    draw_answer,
)
from dcac_fastreid.errors import InputError

RATE = 0.1  # what the pairs of six persons can state


@pytest.fixture
def queries(tiny_world):
    return sorted((tiny_world / "Market-1501-v15.09.15" / "query").iterdir())


@pytest.fixture
def calibrated(index, tiny_world, tmp_path):
    """A copy of the index, calibrated."""
    folder = shutil.copytree(index, tmp_path / "index")
    calibrate_index(folder, people_of_dataset("DG_Market1501", str(tiny_world)), RATE, device="cpu")
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
        assert not answer.is_nobody and {(hit.probability, hit.is_match) for hit in answer.hits} == {(None, None)}
        assert "no probability and no threshold are known" in answer.verdict(None) and "unknown" in answer.table(
            search.gallery.pictures
        )
    assert "not calibrated" in search.notes()


def test_a_photo_finds_itself(index, extract):
    search = Search(index, device="cpu")
    photo = search.gallery.photos[7]
    assert search([photo])[0].hits[0].photo == photo


def test_a_calibrated_search_says_match_or_nobody_by_the_threshold(calibrated, queries):
    search = Search(calibrated, device="cpu")
    known = read_calibration(calibrated)
    for answer in search(queries):
        for hit in answer.hits:
            assert hit.is_match == (hit.similarity >= known.threshold)
            assert hit.probability == pytest.approx(float(known.probability(hit.similarity, 1 / 36)))
        assert answer.is_nobody == (answer.hits[0].similarity < known.threshold)
    notes = search.notes()
    assert (
        f"{known.threshold:.3f}, is reached by at most" in notes and f"{100 * known.false_searches:.3g} % find" in notes
    )
    assert "1 in 36, as if each gallery photo, or nobody, were equally likely" in notes
    surer = Search(calibrated, device="cpu", prior=0.5)([queries[0]])[0].hits[0].probability
    assert surer > search([queries[0]])[0].hits[0].probability


def test_a_stated_rate_is_kept_by_the_searches_of_strangers(calibrated, tiny_world):
    """The gallery's own pairs of two persons are the calibration's: as many reach the threshold as were stated."""
    search, known = Search(calibrated, device="cpu"), read_calibration(calibrated)
    answers = [
        answer for answer in search(search.gallery.photos, k=35) if not answer.photo.name.startswith(("0000", "-1"))
    ]
    strangers = [
        hit.is_match
        for answer in answers
        for hit in answer.hits
        if not hit.photo.name.startswith(("0000", "-1", answer.photo.name[:4]))
    ]
    assert len(strangers) == 24 * 20 and 0.4 * RATE < sum(strangers) / len(strangers) < 2 * RATE
    assert known.validation["pictures"] == 30


def test_the_words_for_an_answer():
    known = Calibration({}, {}, 0.01, 0.5, 0.8, [], 10.0, -4.0, {}, 0.5)
    low, high = Hit(Path("g/a/low.jpg"), 0.4, 0.01, False), Hit(Path("g/b/high.jpg"), 0.7, 0.9, True)
    nobody, somebody = Answer(Path("q.jpg"), [low]), Answer(Path("q.jpg"), [high, low])
    assert nobody.is_nobody and not somebody.is_nobody
    assert nobody.verdict(known) == "nobody here: the best similarity, 0.400, lies below the threshold 0.500"
    assert somebody.verdict(known) == "1 of the 2 listed photos reaches the threshold 0.500"
    assert Answer(Path("q.jpg"), [high]).verdict(known) == "the one listed photo reaches the threshold 0.500"
    assert Answer(Path("q.jpg"), [high, high]).verdict(known) == "all 2 listed photos reach the threshold 0.500"
    assert somebody.table(Path("g")).split()[:5] == ["rank", "photo", "similarity", "probability", "verdict"]
    rows = [line.split() for line in somebody.table(Path("g")).splitlines()[2:]]
    assert rows == [["1", "b/high.jpg", "0.700", "0.900", "match"], ["2", "a/low.jpg", "0.400", "0.010"]]


def test_what_is_told_of_a_calibration(calibrated):
    told = describe_calibration(read_calibration(calibrated), 200)
    assert "6 persons, 30 pictures" in told and "by different cameras" in told
    assert "at most 10 % of the pairs of two persons reach it" in told and "per comparison" in told
    assert "with 200 photos" in told and "20 false matches are expected" in told and "in 100 % of the searches" in told
    assert re.search(r"Measured: of the pictures of DG_Market1501, each .*, \d+(\.\d)? % find one or more\.", told)
    assert "only if these are persons whom no training has seen" in told
    assert (
        "Brier score" in told
        and "On persons held out (two halves, each by the threshold of the other; the mean of both)" in told
        and "By other" not in told
    )
    other = {"false_match_rate": 0.01, "threshold": 0.9, "true_match_rate": 0.5}
    known = dataclasses.replace(read_calibration(calibrated), other_rates=[other])
    assert "By other false-match rates" in describe_calibration(known, 200) and "at 1 % threshold 0.900 and 50 %" in (
        describe_calibration(known, 200)
    )


def test_the_sheet_shows_every_photo(index, queries):
    answer = Search(index, device="cpu")([queries[0]], k=7)[0]
    folder = answer.hits[0].photo.parent
    sheet = Image.open(io.BytesIO(draw_answer(answer, folder, "a verdict")))
    assert sheet.format == "PNG" and sheet.size == (16 + 6 * 144, 50 + 2 * 362)
    one = Image.open(io.BytesIO(draw_answer(Answer(answer.photo, answer.hits[:1]), folder, 15 * "words ")))
    assert one.size == (16 + 2 * 144, 50 + 2 * 18 + 362), "the verdict takes three lines"


def test_the_sheet_shows_what_is_a_match(index, queries):
    photo = Search(index, device="cpu").gallery.photos[0]
    hits = [Hit(photo, 0.9, 0.5, is_match) for is_match in (True, False)]
    sheet = Image.open(io.BytesIO(draw_answer(Answer(queries[0], hits), photo.parent, "a verdict")))
    frames = [sheet.getpixel((16 + 144 * column - 2, 50 + 100)) for column in range(3)]
    assert frames == [ImageColor.getrgb(colour) for colour in (INK, MATCH, BELOW)]


def test_what_lies_below_a_photo_fits():
    assert _name_lines("0101_c4_f004.jpg") == ["0101_c4_f004.jpg"]
    assert "".join(_name_lines("0101/c4_f00453621234.jpg")) == "0101/c4_f00453621234.jpg"
    short = _name_lines("person 12/camera_2/of the day/frame_000123456.jpg")
    assert re.fullmatch(r"person \S+.*\.\.\..*\d+56\.jpg", "".join(short)) and len(short) == NAME_LINES
    assert all(_font(SMALL).getlength(line) <= CELL[0] for line in short)
    for line in ("similarity -0.888", "probability 0.888", "10.  match"):
        assert _font(TEXT).getlength(line) <= CELL[0] + 8
    for line in _wrapped(20 * "several words ", 300):
        assert 200 < _font(TEXT).getlength(line) <= 300 or line.endswith("words")


def test_every_letter_has_a_shape_of_its_own():
    """A font without a letter draws the same box for each."""
    shapes = {_font(SMALL).getmask(letter).getbbox() and bytes(_font(SMALL).getmask(letter)) for letter in "äöüßéżЖλ"}
    assert len(shapes) == 8


def test_a_file_name_need_be_no_text(index, extract, tmp_path):
    """Of an archive from another system, say: the table can be printed, the page written and the sheet drawn."""
    photo = os.fsencode(tmp_path / "photos") + b"/caf\xe9\n.jpg"
    (tmp_path / "photos").mkdir()
    shutil.copy(Search(index, device="cpu").gallery.photos[0], photo)
    extract_folder(extract, tmp_path / "photos", tmp_path / "index")
    (answer,) = Search(tmp_path / "index", device="cpu")([os.fsdecode(photo)])
    assert answer.names(tmp_path / "photos") == ["caf\\xe9\\n.jpg"]
    assert answer.table(tmp_path / "photos").encode() and draw_answer(answer, tmp_path / "photos", "a verdict")


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
        "Photos that are gone: 1, .*gone.jpg; make the index anew.",
        "Photos that have changed since they were indexed, and are left out: 1, .*other.jpg; make the index anew.",
        "Photos that lie in the folder and are not in the index: 1, .*new.jpg; make the index anew.",
    ):
        assert re.search(f"^{sentence}$", notes, re.MULTILINE), notes


def test_another_checkpoint_is_refused(index, calibrated, checkpoint, tmp_path):
    other = made_of(checkpoint, tmp_path)
    with pytest.raises(InputError, match="^the index .* was made with model_final.pth .* this is other.pth"):
        Search(index, checkpoint=other, device="cpu")
    text = (calibrated / "calibration.json").read_text()
    (calibrated / "calibration.json").write_text(text.replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(
        InputError, match="^the calibration of .* was made with model_final.pth .*; calibrate the index anew$"
    ):
        Search(calibrated, device="cpu")


def test_a_checkpoint_that_has_moved_is_named(calibrated, checkpoint, tmp_path):
    moved = shutil.copy(checkpoint, tmp_path / "moved.pth")
    info = (calibrated / "info.json").read_text()
    (calibrated / "info.json").write_text(info.replace(str(checkpoint.resolve()), str(tmp_path / "gone.pth")))
    with pytest.raises(InputError, match="was made with .*gone.pth, which is gone; name it by --checkpoint"):
        Search(calibrated, device="cpu")
    assert len(Search(calibrated, checkpoint=moved, device="cpu").gallery) == 35


def test_wrong_questions_are_one_sentence(index, queries):
    with pytest.raises(InputError, match="the prior is 1; expected a probability between 0 and 1"):
        Search(index, prior=1.0)
    search = Search(index, device="cpu")
    with pytest.raises(InputError, match="0 photos of the gallery are asked for"):
        search(queries, k=0)
    with pytest.raises(InputError, match="there is no picture none.jpg"):
        search(["none.jpg"])


def test_people_who_cannot_state_a_rate_are_told_before_the_work(tiny_world, tmp_path):
    """Features of thousands of pictures take long; here, not even the index is there."""
    with pytest.raises(InputError, match="0.001 cannot be told from 375 pairs"):
        calibrate_index(tmp_path / "none", people_of_dataset("DG_Market1501", str(tiny_world)), 0.001, device="cpu")


def test_a_calibration_that_fails_leaves_the_earlier_one(calibrated, tiny_world):
    before = (calibrated / "calibration.json").read_bytes()
    with pytest.raises(InputError, match="0.001 cannot be told from 375 pairs"):
        calibrate_index(calibrated, people_of_dataset("DG_Market1501", str(tiny_world)), 0.001, device="cpu")
    assert (calibrated / "calibration.json").read_bytes() == before
