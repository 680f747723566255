import os

import pytest

from dcac_fastreid.data.readers.file_names import FileNaming, read_folder, read_list
from dcac_fastreid.errors import InputError

NAMING = FileNaming(r"(-?\d+)_c(\d+)", "0002_c1_7.jpg", range(1, 10), range(1, 3))


def names(items):
    return [path.rpartition("/")[2] for path, _, _ in items]


def test_images_come_by_name_with_person_and_camera_from_0(draw, tmp_path):
    draw(tmp_path, "0003_c2_1.jpg", "0001_c1_1.jpg", "0001_c2_1.jpg")
    assert read_folder(tmp_path, NAMING) == [
        (str(tmp_path / "0001_c1_1.jpg"), 1, 0),
        (str(tmp_path / "0001_c2_1.jpg"), 1, 1),
        (str(tmp_path / "0003_c2_1.jpg"), 3, 1),
    ]


def test_every_spelling_of_the_ending_is_read(draw, tmp_path):
    draw(tmp_path, "0001_c1_1.JPG", "0001_c1_2.jpeg", "0001_c1_3.png", "0001_c1_4.Png")
    assert len(read_folder(tmp_path, NAMING)) == 4


def test_junk_and_what_is_no_image_are_passed_over(draw, tmp_path):
    draw(tmp_path, "0001_c1_1.jpg", "-1_c1_1.jpg")
    for other in ("Thumbs.db", ".DS_Store", "._0001_c1_1.jpg", "readme.txt"):
        (tmp_path / other).write_text("")
    assert names(read_folder(tmp_path, NAMING)) == ["0001_c1_1.jpg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("IMG_2024.jpg", r"IMG_2024.jpg .* expected one such as 0002_c1_7.jpg; rename it"),
        ("x0001_c1_1.jpg", "tells no person and camera"),
        ("0010_c1_1.jpg", r"0010_c1_1.jpg names person 10, expected 1 to 9"),
        ("0000_c1_1.jpg", "names person 0"),
        ("-2_c1_1.jpg", "names person -2"),
        ("0001_c12_1.jpg", r"0001_c12_1.jpg names camera 12, expected 1 to 2"),
    ],
)
def test_a_name_that_does_not_fit_is_an_error(draw, tmp_path, name, message):
    draw(tmp_path, "0001_c1_1.jpg", name)
    with pytest.raises(InputError, match=message):
        read_folder(tmp_path, NAMING)


def test_a_folder_without_images_is_an_error(draw, tmp_path):
    draw(tmp_path, "0001/0001_c1_1.jpg", "-1_c1_1.jpg")
    with pytest.raises(InputError, match=f"{tmp_path} holds no image, expected files such as 0002_c1_7.jpg"):
        read_folder(tmp_path, NAMING)


def test_a_list_gives_the_people_and_the_order(draw, tmp_path):
    draw(tmp_path, "b/0001_c1_1.jpg", "a/0001_c2_1.jpg")
    (tmp_path / "list.txt").write_text("b/0001_c1_1.jpg 5\n\na/0001_c2_1.jpg 6\r\n  \n")
    assert read_list(tmp_path / "list.txt", tmp_path, NAMING) == [
        (str(tmp_path / "b/0001_c1_1.jpg"), 5, 0),
        (str(tmp_path / "a/0001_c2_1.jpg"), 6, 1),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfa/0001_c1_1.jpg 0\n a/0001_c2_1.jpg  1",
        b"a\\0001_c1_1.jpg 0\r\na\\0001_c2_1.jpg 1\r\n",
        b"\ra/0001_c1_1.jpg\t0\r\ra/0001_c2_1.jpg\t1\r",
        b"\"a/0001_c1_1.jpg\" 0\n'a/0001_c2_1.jpg' 1\n",
        b'"a/0001_c1_1.jpg 0"\na/0001_c2_1.jpg, 1\n',
        b"./a/0001_c1_1.jpg 0\n/a/0001_c2_1.jpg;1\n",
        "a/0001_c1_1.jpg 0\r\na\\0001_c2_1.jpg 1\r\n".encode("utf-16"),
        "a/0001_c1_1.jpg 0\na/0001_c2_1.jpg 1".encode("utf-16-le"),
        "a/0001_c1_1.jpg 0\na/0001_c2_1.jpg 1".encode("utf-16-be"),
    ],
)
def test_a_list_is_read_as_other_systems_and_editors_write_it(draw, tmp_path, content):
    draw(tmp_path, "a/0001_c1_1.jpg", "a/0001_c2_1.jpg")
    (tmp_path / "list.txt").write_bytes(content)
    expected = [(str(tmp_path / f"a/0001_c{camera + 1}_1.jpg"), camera, camera) for camera in (0, 1)]
    assert read_list(tmp_path / "list.txt", tmp_path, NAMING) == expected


def test_a_listed_name_need_be_no_text(tmp_path):
    name = os.fsdecode(b"0001_c1_caf\xe9.jpg")
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "list.txt").write_bytes(b"0001_c1_caf\xe9.jpg 3\n")
    assert read_list(tmp_path / "list.txt", tmp_path, NAMING) == [(str(tmp_path / name), 3, 0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01\x02", "list.txt is no text"),
        (b"\xff\xfe\x00", "list.txt is no text in UTF-8 or UTF-16"),
        (b"0001_c1_1.jpg 0\n0001_c1_1.jpg 1\n", "lists 0001_c1_1.jpg as person 0 in line 1 and as 1 in line 2; take one out"),
        (b"0001_c1_1.jpg 12345678901234567890\n", "line 1, names person 12345678901234567890, expected a number of at most 9"),
        (b"0001_c1_1.jpg -1\n", "line 1, is '0001_c1_1.jpg -1'"),
        (b"0001_c1_1.jpg \xd9\xa3\n", "line 1, is"),
    ],
)  # fmt: skip
def test_a_list_that_contradicts_itself_or_is_none_is_one_sentence(draw, tmp_path, content, message):
    draw(tmp_path, "0001_c1_1.jpg")
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=f"^[^\n]*{message}"):
        read_list(tmp_path / "list.txt", tmp_path, NAMING)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0001_c1_1.jpg 0\n0001_c1_1.jpg\n", "list.txt, line 2, is '0001_c1_1.jpg'; expected an image, a blank and a person"),
        ("0001_c1_1.jpg one\n", "line 1, is"),
        ("0001_c9_1.jpg 0\n", "names camera 9"),
        ("0002_c1_1.jpg 0\nnone/0003_c1_1.jpg 0\n", "lists 2 images that are not there, first .*0002_c1_1.jpg"),
        ("\n", "list.txt lists no image"),
    ],
)  # fmt: skip
def test_a_list_that_does_not_fit_is_an_error(draw, tmp_path, text, message):
    draw(tmp_path, "0001_c1_1.jpg")
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_list(tmp_path / "list.txt", tmp_path, NAMING)
