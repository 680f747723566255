"""What a page of images consists of: sections with images, captions and small tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

SYNTHETIC = "synthetic data set"  # what a title says where it is one
# Tone -> colour of an image's frame. Above the threshold is blue: green would say that it is the person.
TONES = {
    "plain": "#8c959f",
    "query": "#1f2328",
    "right": "#1a7f37",
    "wrong": "#b3261e",
    "above": "#0969da",
    "below": "#b0b7be",
}
RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"  # beside the colour, for those who do not see it


@dataclass(frozen=True)
class Tile:
    """A small image with text below it.

    Attributes:
        image: of any size; a page shows it with a third of a photo's width to its full width.
        lines: short facts, of about 20 letters each.
        name: of a file or of a person, of any length; a long one is shortened, a path stands in two lines.
        tone: of TONES.
    """

    image: Image.Image
    lines: Sequence[str] = ()
    name: str = ""
    tone: str = "plain"

    @property
    def name_parts(self) -> list[str]:
        """The folder, where there is one, and the last part of the name."""
        folder, _, last = self.name.rpartition("/")
        return [part for part in (folder and f"{folder}/", last) if part]


@dataclass(frozen=True)
class Strip:
    """Tiles that belong together, such as a query and its gallery images, with a heading of one sentence or none."""

    tiles: Sequence[Tile]
    heading: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of texts; the first column names the rows.

    Attributes:
        header: a text for each column.
        rows: as many texts each.
        groups: texts above the header with the number of columns that each spans, or nothing.
        title: what it shows.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    groups: Sequence[tuple[str, int]] = ()
    title: str = ""


@dataclass(frozen=True)
class Legend:
    """A line of a plot: name, colour and CSS border style of what the page shows beside it."""

    name: str
    colour: str
    style: str


@dataclass(frozen=True)
class Section:
    """One section of a page, and one PNG file.

    Attributes:
        name: of its file, without ".png"; lower-case letters, digits and hyphens, the kind of image first, so that it is
            its own on a page of all kinds: "ranked-lists-worst".
        title: heading above it, a few words.
        png: the file's bytes: all that the section shows, in one image of full size; None: there are caption and grid alone.
        caption: what is seen, how to read it, and its numbers; plain text, one or more sentences.
        strips: what the page shows in place of the one image, so that texts stay texts.
        panels: or parts of the image as PNG, which a small screen shows below each other.
        legend: of the panels.
        grid: a table below the images.
        large_tiles: whether the strips' images are large on the page, with room for the name of a file.
    """

    name: str
    title: str
    png: bytes | None
    caption: str
    strips: Sequence[Strip] = ()
    panels: Sequence[bytes] = ()
    legend: Sequence[Legend] = ()
    grid: Grid | None = None
    large_tiles: bool = False
