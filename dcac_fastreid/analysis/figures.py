"""Drawings without a display, as PNG; the only import of matplotlib in this room, opened late because it takes a second."""

import io
from collections.abc import Callable

from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable, shortened

DOTS_PER_INCH = 110
MOST_PIXELS = 2**16  # of a side, not reached: matplotlib's limit
MOST_AREA = 1_400  # square inches: some hundred pictures, which take half a minute to draw
# Colour and sign: told apart without colours too.
RIGHT, WRONG = ("#1a7f37", "\N{CHECK MARK}"), ("#b3261e", "\N{BALLOT X}")
INK, DIM, FAINT = "#1f2328", "#57606a", "#8c959f"
# Tell apart for the colour-blind too (Okabe and Ito), the darkest first; yellow is left out, it is lost on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
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
LONGEST_LINE = 90  # letters; a longer name would leave no room for the picture


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
            if text.get_text():  # names of runs and persons are seen as they are; numbers at an axis come later
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
            f"a picture of {width:.0f} x {height:.0f} inches is asked for; expected less than {MOST_PIXELS // DOTS_PER_INCH} on a "
            f"side and at most {MOST_AREA:,} square inches: ask for fewer images or identities"
        )


def show_picture(axes, picture, *, colour: str = FAINT, width: float = 0.8) -> None:
    """A picture (PIL or array) in an axes without ticks, framed in a colour."""
    axes.imshow(picture)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)
