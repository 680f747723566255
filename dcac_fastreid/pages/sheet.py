"""Tiles with their text as one PNG, for a paper, a README or a message."""

import functools
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable, shortened
from dcac_fastreid.pages.content import TONES, Section, Strip, Tile

CELL, GAP, EDGE = (128, 256), 16, 4  # pixels: a tile's image, between two, its frame
LINE = 18  # height of a line of text
COLUMNS = 11  # a query and ten gallery images
MOST = 600  # tiles; more take half a gigabyte, and nobody looks at them
LONGEST_NAME = 120  # letters; a line holds 50 of the narrowest
INK, FAINT = "#1f2328", "#57606a"
TEXT, SMALL = 13, 10  # sizes; a name is small, so that 0010_c4s2_001585_04.jpg is whole


def tile_section(name: str, title: str, strips: Sequence[Strip], caption: str, *, large_tiles: bool = False) -> Section:
    """A section of tiles, with the PNG of all of them."""
    return Section(name, title, draw_sheet(strips), caption, strips=strips, large_tiles=large_tiles)


def check_number(tiles: int) -> None:
    """Raises InputError: so many tiles are more than anyone can look at."""
    if tiles > MOST:
        raise InputError(
            f"{tiles:,} images on one sheet are asked for; expected at most {MOST}: choose fewer images or identities"
        )


def draw_sheet(strips: Sequence[Strip]) -> bytes:
    """PNG: the strips below each other, short ones side by side; a long strip goes on in the next line.

    Raises: InputError: as check_number.
    """
    check_number(sum(len(strip.tiles) for strip in strips))
    lines = _side_by_side(strips)
    sheet = Image.new("RGB", (max(map(_width_of_line, lines)), GAP + sum(map(_height_of_line, lines))), "white")
    top = GAP
    for line in lines:
        left = GAP
        for strip in line:
            _draw_strip(sheet, strip, left, top)
            left += _width(strip) + GAP
        top += _height_of_line(line)
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()


def _side_by_side(strips: Sequence[Strip]) -> list[list[Strip]]:
    lines: list[list[Strip]] = []
    for strip in strips:
        if lines and sum(map(_columns, [*lines[-1], strip])) <= COLUMNS:
            lines[-1].append(strip)
        else:
            lines.append([strip])
    return lines


def _columns(strip: Strip) -> int:
    return min(COLUMNS, len(strip.tiles))


def _width(strip: Strip) -> int:
    return (CELL[0] + GAP) * _columns(strip)


def _width_of_line(line: Sequence[Strip]) -> int:
    return GAP + sum(map(_width, line)) + GAP * (len(line) - 1)


def _height_of_line(line: Sequence[Strip]) -> int:
    return max(map(_height, line))


def _height(strip: Strip) -> int:
    return LINE * len(_heading(strip)) + GAP + sum(_height_of_row(row) for row in _rows(strip))


def _height_of_row(row: Sequence[Tile]) -> int:
    return CELL[1] + GAP + LINE * max(len(_text(tile)) for tile in row)


def _rows(strip: Strip) -> list[Sequence[Tile]]:
    return [strip.tiles[begin : begin + COLUMNS] for begin in range(0, len(strip.tiles), COLUMNS)]


def _heading(strip: Strip) -> list[str]:
    return wrapped(strip.heading, _width(strip) - GAP)


def _draw_strip(sheet: Image.Image, strip: Strip, left: int, top: int) -> None:
    for number, line in enumerate(_heading(strip)):
        ImageDraw.Draw(sheet).text((left, top + number * LINE), line, fill=INK, font=font(TEXT))
    top += LINE * len(_heading(strip)) + GAP // 2
    for row in _rows(strip):
        for place, tile in enumerate(row):
            _draw_tile(sheet, tile, left + place * (CELL[0] + GAP), top)
        top += _height_of_row(row)


def _draw_tile(sheet: Image.Image, tile: Tile, x: int, y: int) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((x - EDGE, y - EDGE, x + CELL[0] + EDGE - 1, y + CELL[1] + EDGE - 1), fill=TONES[tile.tone])
    sheet.paste(ImageOps.pad(tile.image, CELL, color="white"), (x, y))
    for number, (line, size) in enumerate(_text(tile)):
        below = y + CELL[1] + EDGE + 2 + number * LINE
        draw.text((x, below), line, fill=INK if size == TEXT else FAINT, font=font(size))


def _text(tile: Tile) -> list[tuple[str, int]]:
    """Lines below a tile with their sizes."""
    facts = [(line, TEXT) for fact in tile.lines for line in wrapped(fact, CELL[0] + GAP // 2)]
    return [*facts, *((fitting(part), SMALL) for part in tile.name_parts)]


def wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words that fit into so many pixels; none of an empty text."""
    lines: list[str] = []
    for word in printable(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font(TEXT).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def fitting(name: str) -> str:
    """A name in one line below a tile: a long one without its middle."""
    name = printable(name)
    longest = min(len(name), LONGEST_NAME)
    while font(SMALL).getlength(shortened(name, longest)) > CELL[0] + GAP - 4:
        longest -= 1
    return shortened(name, longest)


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font has no letters but those of English."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
