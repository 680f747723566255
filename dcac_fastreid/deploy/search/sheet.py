"""An answer as one picture: the photo that asks, and the gallery's most similar ones with what is known of them."""

import functools
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dcac_fastreid import data
from dcac_fastreid.deploy.search.answers import Answer, Hit
from dcac_fastreid.names import printable, shortened

CELL, GAP, EDGE = (128, 256), 16, 4  # pixels: a photo, between two, its frame
LINE, LINES, NAME_LINES = 18, 5, 2  # of text: its height, and how many lie below a photo, and of these for its name
COLUMNS = 6  # the photo that asks, and five hits a row
MOST = 100  # photos that are drawn: 880 x 7,300 pixels, 20 MB; nobody looks at more, and 60,000 would take 11 GB
LONGEST_NAME = 120  # letters; two lines hold 85 of the narrowest
# Above the threshold is blue: green would say that it is the person.
INK, FAINT, ABOVE, BELOW = "#1f2328", "#57606a", "#0969da", "#b0b7be"
TEXT, SMALL = 13, 11  # sizes; a file name is small


def draw_answer(answer: Answer, folder: Path, verdict: str) -> bytes:
    """PNG: the verdict, and below it the first MOST photos. One above the threshold has a blue frame and says so.

    Args: folder: of the gallery's photos; their names are told below it.
    """
    hits = answer.hits[:MOST]
    if len(hits) < len(answer.hits):
        verdict += f". Drawn are the first {len(hits)} of {len(answer.hits):,} photos"
    rows = -(-len(hits) // (COLUMNS - 1))
    columns = min(COLUMNS, len(hits) + 1)
    pitch = CELL[0] + GAP, CELL[1] + GAP + LINE * LINES
    width = GAP + columns * pitch[0]
    head = _wrapped(verdict, width - 2 * GAP)
    top = GAP + LINE * len(head) + GAP
    sheet = Image.new("RGB", (width, top + rows * pitch[1]), "white")
    for number, line in enumerate(head):
        ImageDraw.Draw(sheet).text((GAP, GAP + number * LINE), line, fill=INK, font=_font(TEXT))
    _place(sheet, (GAP, top), answer.photo, INK, ["asked for"], printable(answer.photo.name))
    for place, (hit, name) in enumerate(zip(hits, answer.names(folder)[:MOST], strict=True)):
        row, column = divmod(place, COLUMNS - 1)
        corner = GAP + (column + 1) * pitch[0], top + row * pitch[1]
        _place(sheet, corner, hit.photo, ABOVE if hit.above_threshold else BELOW, _lines(place + 1, hit), name)
    stream = io.BytesIO()
    sheet.save(stream, format="PNG")
    return stream.getvalue()


def _lines(rank: int, hit: Hit) -> list[str]:
    known = [] if hit.probability is None else [f"same person {hit.chance}"]
    return [f"{rank}. {hit.threshold_words}", f"similarity {hit.similarity:.3f}", *known]


def _place(sheet: Image.Image, corner: tuple[int, int], photo: Path, colour: str, lines: list[str], name: str) -> None:
    draw = ImageDraw.Draw(sheet)
    x, y = corner
    draw.rectangle((x - EDGE, y - EDGE, x + CELL[0] + EDGE - 1, y + CELL[1] + EDGE - 1), fill=colour)
    sheet.paste(ImageOps.pad(data.read_image(str(photo)), CELL, color="white"), corner)
    below = y + CELL[1] + EDGE + 2
    for number, line in enumerate(lines):
        draw.text((x, below + number * LINE), line, fill=INK, font=_font(TEXT))
    for number, line in enumerate(_name_lines(name), start=len(lines)):
        draw.text((x, below + number * LINE), line, fill=FAINT, font=_font(SMALL))


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of whole words that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(TEXT).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _name_lines(name: str) -> list[str]:
    """What fits below a photo."""
    longest = min(len(name), LONGEST_NAME)
    while len(lines := _cut(shortened(name, longest))) > NAME_LINES:
        longest -= 1
    return lines


def _cut(text: str) -> list[str]:
    """Lines that are full, wherever that cuts a word."""
    lines = [""]
    for letter in text:
        if _font(SMALL).getlength(lines[-1] + letter) > CELL[0]:
            lines.append("")
        lines[-1] += letter
    return lines


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font has no letters but those of English."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
