import re

import pytest

from dcac_fastreid.deploy.search.cameras_and_times import (
    CamerasAndTimes,
    as_time,
    camera_of,
    describe,
    read_table,
    time_of,
    time_text,
)
from dcac_fastreid.errors import InputError

NEW_YEARS_EVE = 1_704_067_199_000  # 2023-12-31 23:59:59


@pytest.fixture
def table(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        (tmp_path / "table.csv").write_bytes(text.encode(encoding))
        return tmp_path / "table.csv"

    return write


@pytest.mark.parametrize(
    ("path", "camera"),
    [
        ("0002_c1s1_000451_03.jpg", "1"),
        ("a/cam02_1.jpg", "2"),
        ("camera-7/a.jpg", "7"),
        ("camera-7/x/a.jpg", "7"),
        ("camera-7/a_c3.jpg", "3"),
        ("north/a.jpg", None),
        ("c" + 230 * "1" + ".jpg", None),
    ],
)
def test_a_camera_stands_in_the_name_of_the_photo_or_its_folder(path, camera):
    assert camera_of(path) == camera


@pytest.mark.parametrize(
    "name", ["20231231_235959", "x-2023-12-31T23-59-59.9", "c1_20231231235959_4", "2023-12-31 23:59:59"]
)
def test_a_time_stands_in_the_name(name):
    assert time_of(f"folder/{name}.jpg") == NEW_YEARS_EVE


@pytest.mark.parametrize(
    "name",
    ["0002_c1s1_000451_03", "0001_c2_f0046182", "20231331_235959", "20231231_235960", "120231231_235959", "20231231",
     "19011231_235959", "2023-1231_235959"],
)  # fmt: skip
def test_other_numbers_are_no_times(name):
    assert time_of(f"20231231_235959/{name}.jpg") is None


def test_a_table_tells_cameras_and_times(table):
    file = table("\ufeffpath,note,time,camera\na\\b.jpg,x,2023-12-31 23:59:59,north\nc_c2.jpg,,,\n")
    known = read_table(file)
    assert known == CamerasAndTimes(
        {"a/b.jpg": "north", "c_c2.jpg": None}, {"a/b.jpg": NEW_YEARS_EVE, "c_c2.jpg": None}
    )
    assert known.of(["c_c2.jpg", "a/b.jpg", "d_c3.jpg"]) == {
        "cameras": [None, "north", None], "times": [None, NEW_YEARS_EVE, None],
    }  # fmt: skip


def test_what_a_table_has_no_column_for_is_read_from_the_names(table):
    known = read_table(table("path,time\na_c2.jpg,2023-12-31T23:59:59\n"))
    assert known.of(["a_c2.jpg"]) == {"cameras": ["2"], "times": [NEW_YEARS_EVE]}


def test_names_that_are_no_text_are_known_to_a_table(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"path,camera\ncaf\xe9.jpg,1\n")
    assert read_table(tmp_path / "table.csv").cameras == {"caf\udce9.jpg": "1"}


@pytest.mark.parametrize("text", ["2024-01-01T00:59:59+01:00", "2023-12-31T23:59:59Z"])
def test_times_with_a_distance_from_utc_are_those_of_utc(text, table):
    assert read_table(table(f"path,time\na,{text}\n")).times == {"a": NEW_YEARS_EVE}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has the columns none; expected path, and camera or time"),
        ("path;camera\na;1\n", "has the columns path;camera; expected path, and camera or time"),
        ("path\na\n", "has the columns path; expected"),
        ("path,camera\na,1\nb,2\na,1\n", "tells a twice; keep one line for each photo"),
        ("path,camera\na,1\nb," + 201 * "x" + "\n", "line 3: the camera is 'xxx.*; expected a name of 200 letters"),
        ("path,time\na,yesterday\n", "line 2: the time is 'yesterday'; expected a time such as 2024-01-31 23:59:59"),
        ("path,time\na,0001-01-01T00:00+01:00\n", "line 2: the time is '0001-01-01T00:00.01:00'; expected a time such"),
        (
            "path,time\na,2024-01-31T00:00:00Z\nb,2024-01-31\n",
            "the time in line 2 tells its distance from UTC, that in line 3",
        ),
        ('path,camera\na,"1\n' + 200_000 * "x", "cannot be read .*; name a CSV file"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(text, sentence, table):
    with pytest.raises(InputError, match=sentence) as error:
        read_table(table(text))
    assert "\n" not in str(error.value)


def test_a_table_of_other_photos_is_refused(table):
    with pytest.raises(
        InputError, match="table.csv tells of none of the photos: it has photos/a.jpg, the photos are a.jpg;"
    ):
        read_table(table("path,camera\nphotos/a.jpg,1\n")).check("table.csv", ["a.jpg"])


def test_there_is_no_such_table(tmp_path):
    for wrong in (tmp_path, tmp_path / "none.csv", "", None):
        with pytest.raises(InputError, match="the table .*(cannot be read|is)"):
            read_table(wrong)


def test_a_time_for_a_filter():
    assert as_time("2023-12-31 23:59:59", "--after") == NEW_YEARS_EVE
    assert time_text(as_time("2024-02-01", "--after")) == "2024-02-01 00:00:00"
    assert time_text(-1) == "1969-12-31 23:59:59.999"
    for none in ("noon", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"):  # the last two: not in UTC's years
        with pytest.raises(InputError, match=f"^--after is {re.escape(repr(none))}; expected a time such as"):
            as_time(none, "--after")


def test_what_is_known_in_a_sentence():
    assert describe(["1", None, "2"], [NEW_YEARS_EVE, None, None]) == (
        "known: the camera of 2 of 3 (2 cameras), the time of 1 of 3 (2023-12-31 23:59:59 to 2023-12-31 23:59:59)"
    )
    assert describe([None], [None]) == ""
