"""The command line: a report in words or JSON, and an exit status that says whether training can start."""

import json
import os
import shutil

from PIL import Image


def test_a_sound_folder_is_status_0(run_tool, tiny_data):
    status, written = run_tool("dataset_doctor", tiny_data)
    assert status == 0 and written.rstrip().endswith("Training can start.")
    assert f"Market1501 in {tiny_data}/Market-1501-v15.09.15" in written
    assert f"in a config: DATASETS.ROOT {tiny_data}, data set DG_MSMT17" in written
    rows = [line.split() for line in written.splitlines() if line.strip().startswith("train")]
    assert ["train", "8", "48", "751", "and", "12,936"] in rows


def test_the_batch_that_own_photos_fill_is_told_where_one_goes_on(run_tool, tmp_path):
    for person in range(6):
        (tmp_path / "photos" / f"p{person}").mkdir(parents=True)
        for camera in range(4):
            (tmp_path / "photos" / f"p{person}" / f"cam{camera}_1.png").write_bytes(b"")
    status, written = run_tool("dataset_doctor", tmp_path / "photos", "--quick")
    assert status == 0 and written.endswith("\n\nTraining can start with SOLVER.IMS_PER_BATCH 12.\n")
    assert (
        f"in a config: DATASETS.ROOT {tmp_path}/photos, data set PersonFolders with SOLVER.IMS_PER_BATCH 12\n"
        in written
    )
    report = json.loads(run_tool("dataset_doctor", tmp_path / "photos", "--quick", "--json")[1])
    assert report["ims_per_batch"] == report["data_sets"][0]["ims_per_batch"] == 12


def test_a_finding_that_stops_is_status_1_and_comes_first(run_tool, tiny_data, tmp_path):
    market = shutil.copytree(tiny_data / "Market-1501-v15.09.15", tmp_path / "Market1501")
    shutil.rmtree(market / "query")
    status, written = run_tool("dataset_doctor", tmp_path, "--link", tmp_path / "linked")
    lines = [line.strip() for line in written.splitlines()]
    findings = [line for line in lines if line.startswith(("STOPS", "note"))]
    assert status == 1 and lines[-1] == "Training cannot start: 1 finding to fix."
    assert lines[-3] == f"Laid out by links in {tmp_path}/linked, though training on it cannot start yet."
    assert findings[0].startswith(f"STOPS (missing): {market} has no query; copy it again, or get it from https")
    assert findings[1].startswith("note (count): train of Market1501 has 8 identities and 48 images, published are 751")


def test_the_report_as_json(run_tool, tiny_data, tmp_path):
    status, written = run_tool("dataset_doctor", tiny_data, "--json", "--quick", "--link", tmp_path / "linked")
    report = json.loads(written)
    assert status == 0 and report["can_start"] and not report["pictures_examined"]
    assert report["linked"] == str(tmp_path / "linked")
    by_name = {found["name"]: found for found in report["data_sets"]}
    assert by_name.keys() == {"Market1501", "DukeMTMC-reID", "MSMT17", "CUHK03-NP, detected boxes"}
    assert by_name["MSMT17"]["splits"]["query"]["identities"] == 6 and by_name["MSMT17"]["root"] == str(
        tmp_path / "linked"
    )
    assert by_name["DukeMTMC-reID"]["cameras"]["found"] == 8


def test_where_no_count_is_published_it_says_so(run_tool, tmp_path):
    for name in ("0001/a_1.png", "0002/a_1.png"):
        image = tmp_path / "data" / "prid_2011" / "slim_train" / f"person_{name}"
        image.parent.mkdir(parents=True)
        image.write_bytes(b"")
    status, written = run_tool("dataset_doctor", tmp_path / "data", "--quick")
    assert status == 0 and "no published count known here" in written and "in a config: DATASETS.ROOT" in written


def test_wrong_input_is_status_2_and_one_sentence(run_tool, tmp_path):
    for arguments in ((tmp_path / "nowhere",), (tmp_path, "--link", tmp_path / "file")):
        (tmp_path / "file").write_text("")
        status, written = run_tool("dataset_doctor", *arguments)
        assert status == 2 and written.startswith("error: ") and written.count("\n") == 1, written
    assert run_tool("dataset_doctor")[0] == 2


def test_names_are_printed_so_that_they_do_nothing_else(run_tool, tmp_path):
    """A name may be no text, end a line, or speak to the terminal."""
    names = [os.fsdecode(name) for name in (b"caf\xe9", b"two\nlines", b"\x1b[31mred", b"plain", b"\xe2\x80\xaeltr")]
    for name in names:
        for number in range(4):
            photo = tmp_path / "photos" / name / f"cam{number}_{name}.png"
            photo.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 16), (60 * number, 0, 0)).save(photo)  # the same of each person
    for arguments in ((), ("--json",)):
        status, written = run_tool("dataset_doctor", tmp_path / "photos", *arguments)
        assert status == 1 and "training images are test images" in written and written.encode()
        assert all(letter.isprintable() or letter == "\n" for letter in written)
        assert ("caf\\xe9" if not arguments else "caf\\\\xe9") in written and "\nlines" not in written
