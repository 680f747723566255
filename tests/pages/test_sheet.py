import io

import pytest
from PIL import Image, ImageColor

from dcac_fastreid.errors import InputError
from dcac_fastreid.pages import sheet
from dcac_fastreid.pages.content import TONES, Strip, Tile
from dcac_fastreid.pages.sheet import CELL, COLUMNS, EDGE, GAP, LINE, SMALL, TEXT, draw_sheet, fitting, font, wrapped

PITCH = CELL[0] + GAP


def drawn(*strips) -> Image.Image:
    return Image.open(io.BytesIO(draw_sheet(strips)))


def tile(**values) -> Tile:
    return Tile(Image.new("RGB", CELL, "white"), **values)


def test_every_tile_has_its_place_and_its_frame():
    """A strip that is longer than a line of the sheet goes on in the next one."""
    tones = ["query", *["above", "below"] * 6]
    made = drawn(Strip([tile(tone=tone) for tone in tones]))
    assert made.size == (GAP + COLUMNS * PITCH, GAP + GAP + 2 * (CELL[1] + GAP))
    for place, tone in enumerate(tones):
        row, column = divmod(place, COLUMNS)
        corner = GAP + column * PITCH - EDGE, GAP + GAP // 2 + row * (CELL[1] + GAP) - EDGE
        assert made.getpixel(corner) == ImageColor.getrgb(TONES[tone]), place


def test_short_strips_lie_side_by_side():
    one, three = (drawn(*[Strip([tile()] * 4, "heading")] * number) for number in (1, 3))
    assert one.size == (GAP + 4 * PITCH, GAP + LINE + GAP + CELL[1] + GAP)
    assert three.size == (GAP + 8 * PITCH + GAP, GAP + 2 * (one.height - GAP)), "two, and one below them"


def test_what_lies_below_a_tile_fits():
    lines = ["above threshold", "similarity -0.888", "same person >99 %", "several words that need two lines"]
    made = drawn(Strip([tile(lines=lines, name="a folder/a file.jpg")]))
    assert made.height == GAP + GAP + CELL[1] + GAP + LINE * (3 + 2 + 2)
    for line in lines[:3]:
        assert wrapped(line, CELL[0] + GAP // 2) == [line]
    for line in wrapped(20 * "several words ", 300):
        assert 200 < font(TEXT).getlength(line) <= 300 or line.endswith("words")


def test_a_long_name_loses_its_middle():
    assert fitting("0010_c4s2_001585_04.jpg") == "0010_c4s2_001585_04.jpg"
    short = fitting("person_12_camera_2_of_the_day_frame_000123456.jpg")
    assert short.startswith("person") and "..." in short and short.endswith("456.jpg")
    assert font(SMALL).getlength(short) <= PITCH
    assert len(fitting(4000 * "i/")) < 100, "in no time"
    assert fitting("caf\udce9\n") == "caf\\xe9\\n"


def test_every_letter_has_a_shape_of_its_own():
    """A font without a letter draws the same box for each."""
    shapes = {font(SMALL).getmask(letter).getbbox() and bytes(font(SMALL).getmask(letter)) for letter in "äöüßéżЖλ"}
    assert len(shapes) == 8


def test_more_than_anyone_looks_at_is_one_sentence(monkeypatch):
    monkeypatch.setattr(sheet, "MOST", 5)
    assert drawn(Strip([tile()] * 5))
    with pytest.raises(InputError, match="6 images on one sheet are asked for; expected at most 5: choose fewer"):
        draw_sheet([Strip([tile()] * 3)] * 2)
