import base64
import os
import re
import resource

import pytest

from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Section
from dcac_fastreid.pages.image_page import check_folder, write_page

FIRST = Section("first", "The <first> one", b"\x89PNG first", "A < B & C.")
SECOND = Section("second", "Another", b"\x89PNG second", "Nothing.")


def contents(folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_page_holds_all_and_asks_for_nothing(tmp_path):
    page = write_page(tmp_path / "new" / "page", "Some & others", [FIRST, SECOND], "python tool.py 'a < b'")
    assert {file.name for file in page.parent.iterdir()} == {"first.png", "second.png", "index.html"}
    assert (page.parent / "first.png").read_bytes() == FIRST.png
    text = page.read_text()
    images = [base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', text)]
    assert images == [FIRST.png, SECOND.png]
    for shown in (
        "Some &amp; others",
        "The &lt;first&gt; one",
        "A &lt; B &amp; C.",
        "python tool.py &#39;a &lt; b&#39;",
    ):
        assert shown in text
    assert len(re.findall("src=", text)) == 2 and not re.search(r"<script|<link|https?:|url\(", text)


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path):
    write_page(tmp_path, "old", [FIRST, SECOND], "old")
    before = contents(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = Section("second", "Another", bytes(200_000), "Nothing.")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))  # as a disk that is full at the second file
    try:
        with pytest.raises(InputError, match="cannot be written to .*choose another folder with --output"):
            write_page(tmp_path, "new", [Section("first", "New", b"new", "New."), large], "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert contents(tmp_path) == before


def test_a_new_page_replaces_the_old_one_and_nothing_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write_page(tmp_path, "old", [FIRST], "old")
    write_page(tmp_path, "new", [Section("first", "New", b"new", "New.")], "new")
    found = contents(tmp_path)
    assert found.keys() == {"notes.txt", "first.png", "index.html"}
    assert found["first.png"] == b"new" and b"old" not in found["index.html"]


@pytest.mark.parametrize("images", [[], [FIRST, FIRST]])
def test_images_have_names_of_their_own(images, tmp_path):
    with pytest.raises(ValueError, match="different names"):
        write_page(tmp_path / "page", "none", images, "none")
    assert not (tmp_path / "page").exists()


def test_a_file_in_the_way_is_seen_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="is a file; choose another folder"):
        check_folder(tmp_path / "file" / "page")
    check_folder(tmp_path / "new" / "page")
    assert not (tmp_path / "new").exists()


def test_names_that_are_no_text_are_seen_on_the_page(tmp_path):
    name = os.fsdecode(b"caf\xe9\x1b[2J")
    page = write_page(tmp_path, name, [Section("one", name, b"", f"Of {name}.")], f"python tool.py {name}")
    assert page.read_text().count("caf\\xe9\\x1b[2J") == 6
