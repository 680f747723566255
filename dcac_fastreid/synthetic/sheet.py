"""A sheet of the synthetic data set's images to look at: people in rows, cameras in columns, for every domain."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dcac_fastreid.synthetic.domains import DOMAINS

CELL = (80, 144)  # columns, rows; with the space between images
IMAGE = (72, 136)
HEADING, LABEL = 44, 80  # rows above the images, columns before them
SHELF = 16  # cameras beside each other: small domains share one shelf of the sheet
PAPER, INK = (250, 250, 247), (40, 40, 44)

Row = tuple[str, dict[int, Path]]  # label, column -> image


def sheet(root: Path, rows: int = 8) -> Image.Image:
    """The first training people of every domain that lies in `root`, one image per camera that saw them.

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
    for row, (label, images) in enumerate(rows):
        top = HEADING + row * CELL[1]
        pen.text((4, top + CELL[1] // 2 - 8), label, INK, font)
        for column, path in images.items():
            with Image.open(path) as image:
                image.thumbnail(IMAGE)  # keeps the ratio of its sides
                strip.paste(image, (LABEL + column * CELL[0], top))
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
        images: dict[int, Path] = {}
        for path in sorted((root / layout.folder).glob(pattern)):
            images.setdefault(layout.seen(path.name)[1], path)
        rows.append((label, images))
    return rows


def _stack(images: list[Image.Image], beside: bool = False) -> Image.Image:
    """The images below each other, or beside each other."""
    widths, heights = [image.width for image in images], [image.height for image in images]
    size = (sum(widths), max(heights)) if beside else (max(widths), sum(heights))
    page, at = Image.new("RGB", size, PAPER), 0
    for image in images:
        page.paste(image, (at, 0) if beside else (0, at))
        at += image.width if beside else image.height
    return page
