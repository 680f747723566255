import base64
import io
import os
import re
import resource

import pytest
from PIL import Image

from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Grid, Legend, Section, Strip, Tile
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


def red(size) -> Image.Image:
    return Image.new("RGB", size, "red")


def test_tiles_have_their_texts_as_text_and_their_image_whole(tmp_path):
    tile = Tile(red((64, 128)), ["7 \N{CHECK MARK} 0.91", "a < b"], "a/folder/" + 30 * "x" + ".jpg", "right")
    section = Section("tiles", "Tiles", b"png", "All.", strips=[Strip([tile], "A heading")], large_tiles=True)
    text = write_page(tmp_path, "title", [section], "command").read_text()
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (64, 128)
    assert '<div class="tile right"><a href="tiles.png">' in text and "<h3>A heading</h3>" in text
    assert "<span>7 \N{CHECK MARK} 0.91</span><span>a &lt; b</span>" in text
    assert (
        f'title="{tile.name}">a/folder/</span>' in text
        and f'title="{tile.name}">xxxxxxxxxxxx...xxxxxxx.jpg</span>' in text
    )


def test_large_images_are_made_smaller_in_the_page_alone(tmp_path):
    section = Section("tiles", "Tiles", b"png", "All.", strips=[Strip([Tile(red((1000, 2000)))])])
    (data,) = re.findall(r'jpeg;base64,([^"]+)"', write_page(tmp_path, "title", [section], "command").read_text())
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (256, 512)


def test_results_come_first_and_panels_have_their_legend(tmp_path):
    results = Grid(["run", "mAP"], [["<mine>", "30.0"]], [("group", 2)], "Results")
    panels = Section(
        "p", "Panels", b"whole", "All.", panels=[b"one", b"two"], legend=[Legend("run", "#123456", "dashed")]
    )
    alone = Section("table", "A table", None, "No image.", grid=Grid(["a", "b"], [["c", "d"]]))
    page = write_page(tmp_path, "title", [panels, alone], "command", results=[results])
    text = page.read_text()
    assert (
        text.index("<td>&lt;mine&gt;</td><td>30.0</td>") < text.index("<figure>") < text.index("<td>c</td><td>d</td>")
    )
    assert '<th colspan="2">group</th>' in text and "border-top: 3px dashed #123456" in text
    assert [base64.b64decode(data) for data in re.findall(r'png;base64,([^"]+)"', text)] == [b"one", b"two"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.html", "p.png"] and "table.png" not in text


def test_the_title_says_what_is_synthetic(tmp_path):
    text = write_page(tmp_path, "A run on DG_Market1501", [FIRST], "command", synthetic=True).read_text()
    assert "<title>A run on DG_Market1501 (synthetic data set)</title>" in text and "computer-drawn people" in text
    assert "synthetic" not in write_page(tmp_path, "A run", [FIRST], "command").read_text()


def test_long_words_break_where_their_parts_end(tmp_path):
    text = write_page(tmp_path, "short_name", [FIRST], "logs/a_training_of_a_long_name/model_final.pth").read_text()
    assert "logs/<wbr>a_<wbr>training_<wbr>of_<wbr>a_<wbr>long_<wbr>name/<wbr>model_<wbr>final.pth" in text
    assert "<h1>short_name</h1>" in text
