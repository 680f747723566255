"""tools/search.py: a stranger's own photos in three commands, and what goes wrong in one sentence."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest
from PIL import Image

from dcac_fastreid import data, load_config
from dcac_fastreid.checkpoint import StrictCheckpointer, encoder_config
from dcac_fastreid.deploy import FeatureExtractor
from dcac_fastreid.deploy.search.calibration_file import read_calibration
from dcac_fastreid.deploy.search.feature_folder import extract_folder
from fastreid.modeling import build_model

from ..signals import hear_interrupts


@pytest.fixture(scope="module")
def checkpoint(configs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    opts = ["MODEL.DEVICE", "cpu", "MODEL.HEADS.NUM_CLASSES", 8]
    cfg = load_config(str(configs / "synthetic" / "baseline" / "ma_ms.yml"), opts)
    model = build_model(data.with_local_weights(cfg))
    StrictCheckpointer(model, str(folder), encoder_config=encoder_config(cfg)).save("model_final")
    return folder / "model_final.pth"


@pytest.fixture(scope="module")
def photos(tiny_data, tmp_path_factory):
    """gallery/, a flat folder of six people; known/, the people of another domain, a folder for each; asked.jpg."""
    folder = tmp_path_factory.mktemp("photos")
    market = tiny_data / "Market-1501-v15.09.15"
    (folder / "gallery").mkdir()
    for photo in (market / "bounding_box_test").glob("00[01]*.jpg"):
        shutil.copy(photo, folder / "gallery")
    for photo in (tiny_data / "DukeMTMC-reID" / "bounding_box_test").glob("*.jpg"):
        person = folder / "known" / photo.name.split("_")[0]
        person.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, person)
    shutil.copy(min((market / "query").iterdir()), folder / "asked.jpg")
    return folder


@pytest.fixture(scope="module")
def made_index(checkpoint, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    extract_folder(FeatureExtractor(checkpoint, device="cpu"), photos / "gallery", folder)
    return folder


def test_the_readmes_calibration_states_the_smallest_rate_that_the_photos_can(made_index, photos, run_tool, tmp_path):
    """Without a rate that was named; it says what the default would need."""
    index = shutil.copytree(made_index, tmp_path / "index")
    status, written = run_tool("search", "calibrate", "--index", index, "--people", photos / "known")
    assert status == 0, written
    rate = read_calibration(index).false_match_rate
    assert 0.001 < rate < 0.2 and read_calibration(index).asked_rate == 0.001
    assert re.search(
        rf"Note: a false-match rate of 0.001 cannot be told from the .* about \d+ photos more, .* Stated instead is .*, {rate:g}\.",
        written,
    ), written


def test_three_commands(checkpoint, photos, tiny_data, run_tool, tmp_path):
    index, found = tmp_path / "my_index", tmp_path / "found"
    status, written = run_tool(
        "search", "index", "--checkpoint", checkpoint, "--gallery", photos / "gallery", "--index", index
    )
    assert status == 0 and "images, features 128 wide" in written, written

    ask = ("search", "query", "--index", index, "--photos", photos / "asked.jpg", "--output", found, "--top", 5)
    status, written = run_tool(*ask)
    assert status == 0 and "no threshold and no chance are known" in written, written

    calibrate = ("search", "calibrate", "--index", index, "--false-match-rate")
    status, written = run_tool(*calibrate, 0.15, "--persons", photos / "known")  # the name before
    assert status == 0 and "Calibrated on known: " in written and "by different cameras" in written, written
    assert "photos are expected above the threshold" in written
    assert read_calibration(index).false_match_rate == 0.15

    status, written = run_tool(*ask)
    assert status == 0 and re.search("asked.jpg: (nobody here|[1-5] of the 5) ", written), written
    assert len(re.findall(r"^ *[1-5] +\S+\.jpg +0\.\d{3} +(?:above|below) +[<>]?\d+ %", written, re.MULTILINE)) == 5
    assert "find somebody nevertheless" in written and str(found / "index.html") in written
    page = (found / "index.html").read_text()
    assert "data:image/jpeg;base64," in page and "false-match rate" in page and 'src="http' not in page
    (tmp_path / "asked").mkdir()
    shutil.copy(photos / "asked.jpg", tmp_path / "asked")
    (tmp_path / "asked" / "broken.jpg").touch()
    of_folder = ("search", "query", "--index", index, "--photos", tmp_path / "asked", "--output", found)
    status, written = run_tool(*of_folder)
    assert status == 2 and re.search(r"1 of 2 images cannot be read: .*broken.jpg; .*--skip-unreadable\n", written)
    assert "SKIP_CORRUPT" not in written
    status, written = run_tool(*of_folder, "--skip-unreadable")
    assert status == 0 and re.search("left out, as they cannot be read: .*broken.jpg\n", written), written
    assert (found / "search-1.png").read_bytes().startswith(b"\x89PNG")

    status, written = run_tool(*calibrate, 0.1, "--dataset", "DG_Market1501", "--root", tiny_data)
    assert status == 0 and "Calibrated on DG_Market1501: 6 people, 30 images" in written, written


def test_an_index_is_brought_up_to_date_and_searched_by_camera(made_index, photos, run_tool, tmp_path):
    index, found = shutil.copytree(made_index, tmp_path / "index"), tmp_path / "found"
    gallery = shutil.copytree(photos / "gallery", tmp_path / "gallery")
    shutil.copy(next((photos / "known").rglob("*.jpg")), gallery / "new_c9_20240131_235959.jpg")
    status, written = run_tool("search", "index", "--update", "--index", index, "--gallery", gallery)
    assert status == 0 and "photos: 1 new, 0 changed, 0 gone, 0 removed earlier and left out" in written, written

    ask = ("search", "query", "--index", index, "--photos", photos / "asked.jpg", "--output", found, "--top", 99)
    own = re.search(r"_c(\d)", min(gallery.iterdir()).name)[1]
    status, written = run_tool(*ask, "--camera", own, 9, "--after", "2024-01-31")
    lines = re.findall(r"^ *\d+ +\S+\.jpg .*$", written, re.MULTILINE)
    assert status == 0 and len(lines) == 1 and lines[0].endswith("9         2024-01-31 23:59:59"), written
    named = shutil.copy(photos / "asked.jpg", tmp_path / f"c{own}.jpg")
    status, written = run_tool(*ask[:5], named, *ask[6:], "--not-query-camera")
    assert status == 0 and f"_c{own}" not in written.replace(str(named), "") and "_c9_" in written, written

    status, written = run_tool("search", "remove", "--index", index, "--photos", "new_c9_20240131_235959.jpg")
    assert status == 0 and "removed: 1 photo, new_c9_20240131_235959.jpg" in written, written
    status, written = run_tool(*ask, "--camera", 9)
    assert status == 2 and "the filters leave none of the " in written, written


def test_whole_photos_are_cropped_before_they_are_indexed_and_searched(
    checkpoint, photos, detector_weights, run_tool, tmp_path
):
    """The detector finds two people on every photo that is not black (conftest)."""
    (tmp_path / "street").mkdir()
    crop = Image.open(photos / "asked.jpg")
    for number in (1, 2):
        whole = crop.resize((640 + number, 480))
        whole.save(tmp_path / "street" / f"c{number}_20240131_235959.jpg", quality=95)
    Image.new("RGB", (640, 480)).save(tmp_path / "street" / "c3_empty.jpg")
    detect = ("--detector", detector_weights, "--device", "cpu")
    status, written = run_tool(
        "search", "crop", *detect, "--photos", tmp_path / "street", "--output", tmp_path / "crops"
    )
    assert status == 0 and "crops: 4 people on 3 whole photos, found by ssdlite320" in written, written
    status, written = run_tool(
        "search", "crop", *detect, "--photos", tmp_path / "street", "--output", tmp_path / "crops"
    )
    assert status == 2 and "which holds c1_20240131_235959_person1.jpg, c1_" in written, written

    index = ("--index", tmp_path / "index")
    status, written = run_tool("search", "index", "--checkpoint", checkpoint, "--gallery", tmp_path / "crops", *index)
    assert status == 0 and "4 images, features" in written and "the camera of 4 of 4 (2 cameras)" in written, written
    assert "the time of 4 of 4 (2024-01-31 23:59:59" in written and "no crops" not in written

    query = ("search", "query", *index, "--photos", tmp_path / "street", "--output", tmp_path / "found")
    status, written = run_tool(*query)
    assert status == 0 and "this photo is wider than tall (641 x 480)" in written and "let --detector find" in written
    status, written = run_tool(*query, *detect, "--not-query-camera")
    assert status == 0 and "Hint" not in written and "Nobody was found on 1 photo, " in written, written
    asked = re.findall(
        r"^.*street/(\S+), person (\d) of 2: best similarity .*Cut out of the photo at left", written, re.M
    )
    assert asked == [(f"c{camera}_20240131_235959.jpg", person) for camera in "12" for person in "12"]
    best = re.findall(r"^ *1 +(\S+) +([01]\.\d+)", written, re.M)
    assert [name for name, _ in best] == [f"c{camera}_20240131_235959_person{n}.jpg" for camera in "21" for n in "12"]
    page = (tmp_path / "found" / "index.html").read_text()
    assert "Cut out of the photo at left" in page and "Nobody was found on 1 photo" in page
    status, written = run_tool(*query[:-3], tmp_path / "street/c3_empty.jpg", *query[-2:], *detect)
    assert status == 2 and "finds nobody on 1 photo" in written, written
    status, written = run_tool(*query, "--detector", photos / "asked.jpg")
    assert status == 2 and "asked.jpg cannot be read as weights (it is an image)" in written, written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("index --checkpoint {run} --gallery none --index {tmp}/i", "there is no folder none"),
        (
            "index --checkpoint none.pth --gallery {photos}/gallery --index {tmp}/i",
            "there is no file or folder none.pth",
        ),
        ("index --checkpoint {run} --gallery {photos}/gallery --index {run}", "the features shall go to .* is a file"),
        (
            "query --index {tmp} --photos {photos}/asked.jpg --output {tmp}/o",
            ".* holds no index: make one by: dcac-fastreid search index",
        ),
        (
            "calibrate --index {tmp} --people {photos}/known",
            ".* holds no index: make one by: dcac-fastreid search index",
        ),
        ("query --index {index} --photos none.jpg --output {tmp}/o", "there is no image none.jpg"),
        (
            "index --gallery {photos}/gallery --index {tmp}/i",
            "a new index needs --checkpoint; name it, or bring an index",
        ),
        ("index --checkpoint {run} --index {tmp}/i", "a new index needs --gallery; name it, or bring an index"),
        ("index --update --index {tmp}", ".* holds no index: make one by: dcac-fastreid search index"),
        (
            "index --checkpoint {run} --gallery {photos}/gallery --index {tmp}/i --table {tmp}/none.csv",
            "the table .*none.csv cannot be read",
        ),
        ("remove --index {tmp} --photos a.jpg", ".* holds no index: make one by: dcac-fastreid search index"),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --after noon",
            "--after is 'noon'; expected",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --camera 77",
            "the filters leave none of the .* photos of the index; known: the camera of ",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --not-query-camera",
            "the camera of .*asked.jpg is not known",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output ''",
            "the images shall go to a folder without a name",
        ),
        ("query --index {index} --photos '' --output {tmp}/o", "a photo is an empty name; "),
        ("query --index '' --photos {photos}/asked.jpg --output {tmp}/o", "the index is an empty name; "),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --prior nan",
            "the prior is nan; expected",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --device abacus",
            "the device is 'abacus'",
        ),
        ("index --checkpoint {run} --gallery '' --index {tmp}/i", "the folder of the images is an empty name; "),
        ("index --checkpoint {run} --gallery {photos}/gallery --index ''", "the output folder is an empty name; "),
        (
            "query --index {index} --photos {run} --output {tmp}/o",
            "1 of 1 image cannot be read: .*model_final.pth",
        ),
        ("query --index {index} --photos {photos}/asked.jpg --output {run}/o", "the images shall go to .* is a file"),
        ("query --index {index} --photos {photos}/asked.jpg --output {tmp}/o --prior 2", "the prior is 2; expected"),
        (
            "index --checkpoint {run} --gallery {photos}/asked.jpg --index {tmp}/i",
            ".*asked.jpg is a file; expected a folder",
        ),
        (
            "index --checkpoint {run} --gallery {photos}/gallery --index {photos}/gallery/i",
            "the features shall go to .*/gallery/i, which lies in .*gallery; choose a folder outside of it",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {photos}/gallery",
            "the images shall go to .*gallery, which lies in ",
        ),
        (
            "query --index {index} --photos {photos}/asked.jpg --output {index}/found",
            "the images shall go to .*/found, which lies in ",
        ),
        ("calibrate --index {index} --people none", "there is no folder none; expected a folder with one for each"),
        ("calibrate --index {index} --people {photos}/asked.jpg", ".*asked.jpg is a file; expected a folder with one"),
        (
            "calibrate --index {index} --people {photos}/known --false-match-rate 0.001",
            "a false-match rate of 0.001 cannot be told from the .* photos more, .*; state 0.\\d+ or more, or add photos",
        ),
        (
            "calibrate --index {index} --people {photos}/known --false-match-rate 7",
            "the false-match rate is 7; expected",
        ),
        ("calibrate --index {index} --people {photos}/gallery", ".* lies in no person's folder"),
        ("serve --index none --port 0", "none holds no index: make one by: dcac-fastreid search index"),
        ("calibrate --index {index} --dataset Nobody", "there is no data set 'Nobody'; known are "),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, checkpoint, photos, made_index, run_tool, tmp_path):
    places = {"photos": photos, "tmp": tmp_path, "run": checkpoint, "index": made_index}
    status, written = run_tool("search", *(each.format(**places) for each in shlex.split(arguments)))
    assert status == 2 and written.count("\n") == 1 and re.match(f"error: {sentence}", written), written
    assert not list(tmp_path.iterdir()) and not (made_index / "calibration.json").exists()


def test_the_page_is_served_until_it_is_interrupted(made_index, photos):
    command = [sys.executable, "-m", "dcac_fastreid", "search", "serve", "--index", made_index, "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=hear_interrupts, **pipes) as server:
        said = server.stdout.readline()
        address = re.search(r"search page: (http://127\.0\.0\.1:\d+) ", said)[1]
        with urllib.request.urlopen(f"{address}/about") as answer:
            assert json.load(answer)["photos"] == len(list((photos / "gallery").iterdir()))
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 130 and errors == "stopped by Ctrl-C\n"
