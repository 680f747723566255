"""Drawings without a display, as PNG; the only import of matplotlib in this room, opened late because it takes a second."""

import io
import math
from collections.abc import Callable, Sequence

from PIL import Image

from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable, shortened
from dcac_fastreid.pages.content import Legend

DOTS_PER_INCH = 110
MOST_PIXELS = 2**16  # of a side, not reached: matplotlib's limit
MOST_AREA = 1_400  # square inches: some hundred images, which take half a minute to draw
INK, FAINT = "#1f2328", "#8c959f"
# Different for the colour-blind too (Okabe and Ito), the darkest first; yellow is left out, it is lost on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
LINES = {"-": "solid", "--": "dashed", "-.": "double", ":": "dotted"}  # of matplotlib, and of CSS for the page's legend
LEGEND_COLUMNS, LEGEND_LINE = 3, 0.3  # runs side by side; inches
SETTINGS = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "text.color": INK,
    "axes.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
}
LONGEST_LINE = 90  # letters; a longer name would leave no room for the image


def draw_png(width: float, height: float, draw: Callable, *, layout: str = "constrained") -> bytes:
    """A figure of so many inches as PNG; the same drawing gives the same bytes.

    Args:
        draw: called with matplotlib's Figure: it makes the axes (`figure.subplots`) and draws.
        layout: of the axes; "none" leaves them where `draw` puts them.
    Raises: InputError: as check_size.
    """
    check_size(width, height)
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    with rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=layout)
        FigureCanvasAgg(figure)
        draw(figure)
        for text in figure.findobj(Text):
            if text.get_text():  # names of runs and people are seen as they are; numbers at an axis come later
                lines = printable(text.get_text(), keep="\n").split("\n")
                text.set_text("\n".join(shortened(line, LONGEST_LINE) for line in lines))
                text.set_parse_math(False)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def check_size(width: float, height: float) -> None:
    """Raises InputError: a figure of so many inches is more than matplotlib can draw, or than anyone can look at."""
    if DOTS_PER_INCH * max(width, height) >= MOST_PIXELS or width * height > MOST_AREA:
        raise InputError(
            f"an image of {width:.0f} x {height:.0f} inches is asked for; expected less than {MOST_PIXELS // DOTS_PER_INCH} on a "
            f"side and at most {MOST_AREA:,} square inches: ask for fewer images or identities"
        )


def style(number: int) -> dict:
    """Of the line of a run, by its place among the runs."""
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": tuple(LINES)[number % len(LINES)], "linewidth": 1.6}


def legend(names: Sequence[str]) -> list[Legend]:
    """Of runs that are drawn by `style`, for the page."""
    styles = [style(number) for number in range(len(names))]
    return [Legend(name, each["color"], LINES[each["linestyle"]]) for name, each in zip(names, styles, strict=True)]


def draw_panels(
    panels: Sequence[Callable],
    width: float,
    height: float,
    *,
    columns: int,
    names: Sequence[str] = (),
    layout: str = "constrained",
) -> tuple[bytes, list[bytes]]:
    """PNG of panels in a grid, and of each panel by itself, which a small screen shows below each other.

    Args:
        panels: each draws into a figure of its own, see draw_png. width, height: of a panel in inches.
        names: of the runs drawn by `style`, for a legend above the grid.
        layout: see draw_png.
    Raises: InputError: as check_size.
    """
    columns = min(columns, len(panels))
    check_size(width * columns, height * math.ceil(len(panels) / columns))
    drawn = [draw_png(width, height, draw, layout=layout) for draw in panels]
    images = [Image.open(io.BytesIO(png)) for png in drawn]
    top = Image.open(io.BytesIO(_legend_png(names, columns * width))) if names else Image.new("RGB", (1, 0))
    (wide, high), rows = images[0].size, math.ceil(len(images) / columns)
    whole = Image.new("RGB", (columns * wide, top.height + rows * high), "white")
    whole.paste(top, (0, 0))
    for place, image in enumerate(images):
        whole.paste(image, (place % columns * wide, top.height + place // columns * high))
    stream = io.BytesIO()
    whole.save(stream, format="PNG")
    return stream.getvalue(), drawn


def _legend_png(names: Sequence[str], width: float) -> bytes:
    def draw(figure):
        from matplotlib.lines import Line2D

        lines = [Line2D([], [], **style(number)) for number in range(len(names))]
        figure.legend(lines, names, loc="center left", ncols=LEGEND_COLUMNS)

    return draw_png(width, LEGEND_LINE * math.ceil(len(names) / LEGEND_COLUMNS) + 0.1, draw, layout="none")
