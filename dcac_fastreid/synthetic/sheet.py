"""A sheet of the world's pictures to look at: people in rows, cameras in columns, domain below domain."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dcac_fastreid.synthetic.domains import DOMAINS

CELL = (80, 144)  # columns, rows; with the space between pictures
PICTURE = (72, 136)
LABEL = 22  # rows of a heading, and half the columns of a person's label
PAPER, INK = (250, 250, 247), (40, 40, 44)


def sheet(root: Path, people: int = 8) -> Image.Image:
    """The first training people of every domain that lies in `root`, one picture per camera that saw them."""
    strips = [_domain(root, name, people) for name, domain in DOMAINS.items() if (root / domain.layout.folder).is_dir()]
    page = Image.new("RGB", (max(strip.width for strip in strips), sum(strip.height for strip in strips)), PAPER)
    top = 0
    for strip in strips:
        page.paste(strip, (0, top))
        top += strip.height
    return page


def _domain(root: Path, name: str, people: int) -> Image.Image:
    domain = DOMAINS[name]
    files: dict[tuple[int, int], Path] = {}
    for path in sorted((root / domain.layout.folder / domain.layout.train_folder).rglob("*.jpg")):
        files.setdefault(domain.layout.seen(path.name), path)
    rows = sorted({person for person, _ in files})[:people]
    strip = Image.new("RGB", (2 * LABEL + domain.cameras * CELL[0], 2 * LABEL + len(rows) * CELL[1]), PAPER)
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(14)
    pen.text((4, 3), f"{name}: people in rows, cameras in columns", INK, ImageFont.load_default(16))
    for camera in range(domain.cameras):
        pen.text((2 * LABEL + camera * CELL[0], LABEL + 3), f"camera {camera + 1}", INK, font)
    for row, person in enumerate(rows):
        top = 2 * LABEL + row * CELL[1]
        pen.text((4, top + CELL[1] // 2 - 8), f"{person:04d}", INK, font)
        for camera in range(domain.cameras):
            if (person, camera) in files:
                with Image.open(files[person, camera]) as picture:
                    picture.thumbnail(PICTURE)  # keeps the ratio of its sides
                    strip.paste(picture, (2 * LABEL + camera * CELL[0], top))
    return strip
