"""A sheet of the world's pictures to look at: people in rows, cameras in columns, for every domain."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dcac_fastreid.synthetic.domains import DOMAINS

CELL = (80, 144)  # columns, rows; with the space between pictures
PICTURE = (72, 136)
HEADING, LABEL = 44, 80  # rows above the pictures, columns before them
SHELF = 16  # cameras beside each other: small domains share one shelf of the sheet
PAPER, INK = (250, 250, 247), (40, 40, 44)

Row = tuple[str, dict[int, Path]]  # label, column -> picture


def sheet(root: Path, rows: int = 8) -> Image.Image:
    """The first training people of every domain that lies in `root`, one picture per camera that saw them.

    The last of the `rows` of a domain show what else its gallery holds.
    """
    shelves: list[list[str]] = [[]]
    for name in (name for name, domain in DOMAINS.items() if (root / domain.layout.folder).is_dir()):
        if sum(DOMAINS[other].cameras for other in [*shelves[-1], name]) > SHELF:
            shelves.append([])
        shelves[-1].append(name)
    return _stack([_stack([_strip(root, name, rows) for name in shelf], beside=True) for shelf in shelves])


def _strip(root: Path, name: str, number: int) -> Image.Image:
    """One domain in `number` rows."""
    columns, extras = DOMAINS[name].cameras, _extras(root, name)
    rows = _people(root, name, number - len(extras)) + extras
    strip = Image.new("RGB", (LABEL + columns * CELL[0], HEADING + len(rows) * CELL[1]), PAPER)
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(14)
    pen.text((4, 3), name, INK, ImageFont.load_default(16))
    for column in range(columns):
        pen.text((LABEL + column * CELL[0], HEADING // 2 + 3), f"camera {column + 1}", INK, font)
    for row, (label, pictures) in enumerate(rows):
        top = HEADING + row * CELL[1]
        pen.text((4, top + CELL[1] // 2 - 8), label, INK, font)
        for column, path in pictures.items():
            with Image.open(path) as picture:
                picture.thumbnail(PICTURE)  # keeps the ratio of its sides
                strip.paste(picture, (LABEL + column * CELL[0], top))
    return strip


def _people(root: Path, name: str, people: int) -> list[Row]:
    layout = DOMAINS[name].layout
    rows: dict[int, dict[int, Path]] = {}
    for path in sorted(path for path in (root / layout.folder / layout.train_folder).rglob("*") if path.is_file()):
        person, camera = layout.seen(path.name)
        rows.setdefault(person, {}).setdefault(camera, path)
    return [(f"{person:04d}", rows[person]) for person in sorted(rows)[:people]]


def _extras(root: Path, name: str) -> list[Row]:
    """Distractors and junk: each under the camera that took it, as the people are."""
    layout = DOMAINS[name].layout
    rows = []
    for label, pattern in layout.extras.items():
        pictures: dict[int, Path] = {}
        for path in sorted((root / layout.folder).glob(pattern)):
            pictures.setdefault(layout.seen(path.name)[1], path)
        rows.append((label, pictures))
    return rows


def _stack(pictures: list[Image.Image], beside: bool = False) -> Image.Image:
    """The pictures below each other, or beside each other."""
    widths, heights = [picture.width for picture in pictures], [picture.height for picture in pictures]
    size = (sum(widths), max(heights)) if beside else (max(widths), sum(heights))
    page, at = Image.new("RGB", size, PAPER), 0
    for picture in pictures:
        page.paste(picture, (at, 0) if beside else (0, at))
        at += picture.width if beside else picture.height
    return page
