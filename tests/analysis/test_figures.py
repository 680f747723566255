import io

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.analysis.figures import DOTS_PER_INCH, draw_panels, draw_png
from dcac_fastreid.errors import InputError


def draw(figure):
    axes = figure.subplots()
    axes.imshow(np.zeros((4, 2, 3), dtype=np.uint8))
    axes.set_title("black")


def test_panels_lie_in_a_grid_below_the_legend_and_by_themselves():
    whole, panels = draw_panels([draw] * 5, 2, 1, columns=3, names=["a run", "another"])
    sizes = [Image.open(io.BytesIO(png)).size for png in (whole, *panels)]
    assert sizes[1:] == [(2 * DOTS_PER_INCH, DOTS_PER_INCH)] * 5
    assert sizes[0] == (6 * DOTS_PER_INCH, 2 * DOTS_PER_INCH + 44)  # 0.4 inches of legend
    pixels, first = (np.array(Image.open(io.BytesIO(png)).convert("L")) for png in (whole, panels[0]))
    np.testing.assert_array_equal(pixels[44 : 44 + first.shape[0], : first.shape[1]], first)
    assert pixels[:44].min() < 128 and pixels[-50:, -50:].min() == 255, "a legend, and no sixth panel"


def test_the_same_drawing_gives_the_same_file_of_the_asked_size():
    first = draw_png(2, 3, draw)
    assert draw_png(2, 3, draw) == first
    assert Image.open(io.BytesIO(first)).size == (2 * DOTS_PER_INCH, 3 * DOTS_PER_INCH)
    assert draw_png(2, 3, lambda figure: figure.text(0.5, 0.5, "other"), layout="none") != first


def test_a_figure_too_large_to_draw_is_one_sentence():
    with pytest.raises(InputError, match="an image of 2 x 600 inches is asked for; expected less than 595 on a side"):
        draw_png(2, 600, draw)
    with pytest.raises(
        InputError, match="an image of 40 x 36 inches .* and at most 1,400 square inches: ask for fewer"
    ):
        draw_png(40, 36, draw)


NAMES = ["$x$", r"$\frac{", "a_b^c", "_hidden", "two\nlines", "escape \x1b[31m code", "caf\udce9", 300 * "long "]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_is_drawn_as_it_is_written(name):
    """Names of runs and people; formulas of matplotlib in them would be set, or end the drawing."""
    drawn = []

    def draw(figure):
        axes = figure.subplots()
        (line,) = axes.plot([1e-4, 1], [0, 1])
        axes.set_title(name)
        axes.legend([line], [name])
        drawn.append(figure)

    assert draw_png(8, 3, draw).startswith(b"\x89PNG")
    (axes,) = drawn[0].axes
    for text in (axes.title, axes.get_legend().get_texts()[0]):
        assert not text.get_parse_math() and max(map(len, text.get_text().split("\n"))) <= 90
        assert all(letter.isprintable() or letter == "\n" for letter in text.get_text())
        if name.isprintable() and len(name) < 90:
            assert text.get_text() == name


def test_numbers_at_a_logarithmic_axis_stay_formulas():
    drawn = []

    def draw(figure):
        drawn.append(figure.subplots())
        drawn[0].set_xscale("log")
        drawn[0].set_xlim(0.5, 20)
        drawn[0].set_xlabel("steps")

    draw_png(3, 2, draw)
    powers = [label for label in drawn[0].get_xticklabels() if "10^{" in label.get_text()]
    assert len(powers) >= 2 and all(label.get_parse_math() for label in powers)
    assert not drawn[0].xaxis.label.get_parse_math()
