import copy
import hashlib
import itertools
import json
import multiprocessing
import time

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dcac_fastreid.deploy.search.index_file import FILE, FORMAT, VERSION, read_index_file, write_index_file
from dcac_fastreid.deploy.search.sealed_json import Unusable, sealed

SHA = "0123456789abcdef" * 4
CONTENT = {
    "encoder": {
        "checkpoint": "a.pth", "sha256": SHA, "config_sha256": SHA, "input_size": [128, 64], "feature_width": 8,
    },
    "selected_on": [], "precision": "fp32", "pictures": "/photos", "checkpoint_file": "/a.pth", "config_file": None,
    "versions": {"torch": "2.14", "cuda": None}, "unreadable": ["broken.jpg"], "removed": ["a/out.jpg"],
    "removed_sha256": [SHA],
    "cameras": ["1", None, "north gate"], "times": [0, None, -1500],
    "paths": ["a.jpg", "b/caf\udce9\n.jpg", "c.jpg"], "bytes": [1, 2, 3], "modified": [0, -5, 10**18], "sha256": [SHA] * 3,
}  # fmt: skip
FEATURES = np.eye(3, 8, dtype=np.float32)
ODD = [
    None,
    True,
    -1,
    7,
    10**30,
    0.5,
    "",
    "word",
    "/etc/passwd",
    "../a.jpg",
    "a/../../b.jpg",
    "a\0.jpg",
    "\ud800",
    [],
    [1],
    {},
]


def tamper(folder, change, features=None):
    """Writes the index with a changed content, and with the checksum of it: what no accident does."""
    tensors = load_file(folder / FILE)
    content = json.loads(bytes(tensors["content"]))["content"]
    change(content)
    document = sealed(FORMAT, VERSION, content)
    features = tensors["features"] if features is None else features
    save_file({"features": features, "content": np.frombuffer(document, np.uint8)}, folder / FILE)


@pytest.fixture
def folder(tmp_path):
    write_index_file(tmp_path, FEATURES, CONTENT)
    return tmp_path


def test_what_is_written_is_read(folder):
    features, content = read_index_file(folder)
    assert features.dtype == np.float32 and np.array_equal(features, FEATURES)
    assert {name: content[name] for name in CONTENT} == CONTENT
    assert [file.name for file in folder.iterdir()] == [FILE]


def test_any_reader_of_safetensors_opens_it(folder):
    tensors = load_file(folder / FILE)
    assert np.array_equal(tensors["features"], FEATURES)
    assert json.loads(bytes(tensors["content"]))["content"]["paths"] == CONTENT["paths"]


def test_a_changed_byte_is_noticed_wherever_it_lies(folder):
    """But of the document's layout, which says nothing."""
    written = (folder / FILE).read_bytes()
    refused = 0
    for place in range(0, len(written), 7):
        changed = bytearray(written)
        changed[place] ^= 4
        (folder / FILE).write_bytes(changed)
        try:
            features, content = read_index_file(folder)
            assert np.array_equal(features, FEATURES) and content["paths"] == CONTENT["paths"], place
        except Unusable as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0.8 * len(written) / 7


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(share, folder):
    written = (folder / FILE).read_bytes()
    (folder / FILE).write_bytes(written[: int(share * len(written))])
    with pytest.raises(Unusable, match="^is damaged or cut off: "):
        read_index_file(folder)


def test_features_of_another_index_are_refused(folder):
    """Of as many photos, by the same encoder."""
    tensors = load_file(folder / FILE)
    save_file({**tensors, "features": FEATURES[::-1].copy()}, folder / FILE)
    with pytest.raises(Unusable, match="^is damaged: its features are not those that its content belongs to$"):
        read_index_file(folder)


@pytest.mark.parametrize(
    "features",
    [
        2 * FEATURES,
        0 * FEATURES,
        np.where(FEATURES == 1, np.nan, FEATURES),
        np.where(FEATURES == 1, np.inf, FEATURES),
        FEATURES + np.float32(1e-3),
    ],
)
def test_features_that_are_not_of_length_1_are_refused(features, tmp_path):
    write_index_file(tmp_path, features, CONTENT)
    with pytest.raises(Unusable, match="^is not as it should be: it has features that are not of length 1$"):
        read_index_file(tmp_path)


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"features": FEATURES}, "is no index: it holds features"),
        ({"weight": FEATURES, "content": np.zeros(3, np.uint8)}, "is no index: it holds content, weight"),
        (
            {"features": FEATURES.astype(np.float64), "content": np.zeros(3, np.uint8)},
            "is no index: its features are F64",
        ),
        ({"features": FEATURES[0], "content": np.zeros(3, np.uint8)}, r"is no index: its features are F32 of \[8\]"),
        ({"features": FEATURES, "content": np.zeros(3, np.float32)}, "is no index: .* its content F32"),
        ({"features": FEATURES, "content": np.zeros(3, np.uint8)}, "is damaged: it is no JSON"),
    ],
)
def test_other_tensors_are_no_index(tensors, sentence, tmp_path):
    save_file(tensors, tmp_path / FILE)
    with pytest.raises(Unusable, match=f"^{sentence}"):
        read_index_file(tmp_path)


@pytest.mark.parametrize("features", [FEATURES[:2], FEATURES[:, :5], np.eye(4, 8, dtype=np.float32), FEATURES[:0]])
def test_as_many_features_as_photos_of_the_encoders_width(features, tmp_path):
    write_index_file(tmp_path, features, CONTENT)
    with pytest.raises(Unusable, match="^does not agree with itself: features of "):
        read_index_file(tmp_path)


def test_a_value_that_nobody_has_written_is_refused_whatever_it_is(folder):
    """Every field and every item of one, replaced by every odd value: refused in a sentence, or a right value of its kind."""
    right = {"selected_on": [[]], "versions": [{}], "unreadable": [[]], "removed": [[]], "removed_sha256": [[]],
             "config_file": [None, "/etc/passwd"], "pictures": ["/etc/passwd"], "checkpoint_file": ["/etc/passwd"]}  # fmt: skip
    right_items = {"cameras": [None, "/etc/passwd", "../a.jpg", "a/../../b.jpg"], "times": [None]}
    original = (folder / FILE).read_bytes()
    for field, value in CONTENT.items():
        for odd in ODD:
            (folder / FILE).write_bytes(original)
            tamper(folder, lambda content, field=field, odd=odd: content.update({field: odd}))
            if any(odd == known and type(odd) is type(known) for known in right.get(field, [])):
                read_index_file(folder)
                continue
            with pytest.raises(Unusable) as error:
                read_index_file(folder)
            assert "\n" not in str(error.value) and len(str(error.value)) < 300, (field, odd)
            of_item = odd not in ("", "word", 7, -1) and odd not in right_items.get(field, [])
            if isinstance(value, list) and value and of_item and field != "sha256":
                (folder / FILE).write_bytes(original)
                tamper(folder, lambda content, field=field, odd=odd: content[field].__setitem__(0, odd))
                with pytest.raises(Unusable):
                    read_index_file(folder)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "..", "../x.jpg", "a/../../x.jpg", "a/..", ".", "", "a//b.jpg", "a/", "./a.jpg", "a\0b", "\ud800"],
)
def test_a_path_that_leads_out_of_the_folder_is_refused(path, folder):
    for field in ("paths", "unreadable"):
        changed = copy.deepcopy(CONTENT)
        changed[field][0] = path
        write_index_file(folder, FEATURES, changed)
        with pytest.raises(
            Unusable, match=f"^is not as it should be: an item of the content.{field} is .* below the folder"
        ):
            read_index_file(folder)


def test_a_photo_has_one_row(folder):
    tamper(folder, lambda content: content.update(paths=["a.jpg", "b.jpg", "a.jpg"]))
    with pytest.raises(Unusable, match="the content.paths is a list of 3, expected one photo or more, each once"):
        read_index_file(folder)


def test_an_index_of_version_1_is_read_as_if_it_was_made_today(tmp_path):
    newer = ("removed", "removed_sha256", "cameras", "times")
    old = {name: value for name, value in CONTENT.items() if name not in newer}
    old["paths"] = ["a_c3_20240131_235959.jpg", "cam02/b.jpg", "c.jpg"]
    old["features_sha256"] = hashlib.sha256(FEATURES).hexdigest()
    document = np.frombuffer(sealed(FORMAT, 1, old), np.uint8)
    save_file({"features": FEATURES, "content": document}, tmp_path / FILE)
    features, content = read_index_file(tmp_path)
    assert np.array_equal(features, FEATURES)
    columns = {"cameras": ["3", "2", None], "times": [1_706_745_599_000, None, None]}
    new = {"removed": [], "removed_sha256": [], **columns}
    assert content == {**old, **new}
    with_new_fields = np.frombuffer(sealed(FORMAT, 1, {**old, **new}), np.uint8)
    save_file({"features": FEATURES, "content": with_new_fields}, tmp_path / FILE)
    with pytest.raises(Unusable, match="the content has an unknown 'cameras'"):
        read_index_file(tmp_path)


def test_numpy_reads_its_times(folder):
    content = json.loads(bytes(load_file(folder / FILE)["content"]))["content"]
    times = np.array([content["times"][0], content["times"][2]], dtype="datetime64[ms]")
    assert times.astype(str).tolist() == ["1970-01-01T00:00:00.000", "1969-12-31T23:59:58.500"]


def test_a_process_that_is_killed_at_any_moment_leaves_a_whole_index(tmp_path):
    """The old one or the new one."""
    contents = [{**CONTENT, "paths": [f"{name}{number}" for number in range(3)]} for name in "ab"]
    write_index_file(tmp_path, FEATURES, contents[0])
    seen, deadline = set(), time.monotonic() + 60
    for tenths in itertools.count():  # longer and longer: on a busy machine a process begins late
        if tenths >= 12 and (len(seen) == 2 or time.monotonic() > deadline):
            break
        process = multiprocessing.get_context("fork").Process(target=_write_for_ever, args=(tmp_path, contents))
        process.start()
        time.sleep(0.02 + tenths / 200)
        process.kill()
        process.join()
        seen.add(read_index_file(tmp_path)[1]["paths"][0])
    assert seen == {"a0", "b0"}


def _write_for_ever(folder, contents):
    for content in itertools.cycle(contents):
        write_index_file(folder, FEATURES, content)
