import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from dcac_fastreid.experiments.html import as_html
from dcac_fastreid.experiments.plots import LOOKS, forest_plot
from dcac_fastreid.experiments.table import build_table

COMMAND = "reproduce --table 7 OPTION '<x>'"


@pytest.fixture(scope="module")
def page(table):
    return as_html(table, COMMAND)


class Tags(HTMLParser):
    """Counts tags, and finds those that are not closed in order."""

    def __init__(self, page: str):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_tags_are_closed_in_order(page):
    tags = Tags(page)
    assert tags.open == []
    assert tags.seen.count("title") == 1 and tags.seen.count("h1") == 1
    assert page.count("<!DOCTYPE") == 1 and 'name="viewport"' in page


def test_page_needs_no_script_and_no_network(page):
    assert not {"script", "link", "img", "iframe", "object"} & set(Tags(page).seen)
    assert not re.search(r"""(src|href)\s*=\s*["']?(?!["']?#)|url\((?!#)|@import""", page)


def test_page_holds_table_verdicts_marks_metadata_and_command(spec, make_result):
    marks = {"D": ["odd & picked"], "MS": ["another"]}
    results = [make_result(row, seed, 30 + gain, marks=marks, stamp={"versions": {"torch": "2.9"}})
               for row, gain in (("baseline", 0), ("dcac", 3)) for seed in range(2)]  # fmt: skip
    page = as_html(build_table(spec, results, published=True), COMMAND)
    assert page.index('<th colspan="2">average</th>') < page.index('<th colspan="2">MA -&gt; D</th>')
    assert "<td>33.0 ± 0.0 [a]</td>" in page
    assert '<b class="better">+3.0 better [a]</b><br>[+3.0, +3.0]<span class="axis better">' in page
    assert '<tr class="paper"><td>paper</td><td></td><td></td><td>50.0</td>' in page
    assert "[a] odd &amp; picked" in page and '<td class="long">odd &amp; picked; another</td>' in page
    assert '<td>versions.torch</td><td class="long">2.9</td>' in page
    assert "OPTION &#39;&lt;x&gt;&#39;" in page and "<x>" not in page
    assert "4 runs" in page
    assert "<h2>Against Baseline</h2>" in page and "<td>DCAC</td><td>MA</td><td>0</td>" in page
    assert ">baseline<" not in page and ">dcac<" not in page


def test_page_says_what_is_synthetic(spec, make_result):
    def page(*data_seeds):
        results = [make_result(row, 0, 30.0, data_seed=each) for row in ("baseline", "dcac") for each in data_seeds]
        return as_html(build_table(spec, results, published=False), COMMAND)

    assert "<title>Table 7: &lt;schemes&gt; (synthetic data sets 1, 2)</title>" in page(1, 2)
    assert "(synthetic data set 0)</h1>" in page(0) and "numbers on this page are of a synthetic data set" in page(0)
    assert "synthetic" not in page(None)


def test_intervals_lie_on_one_scale(table):
    """+2 with an interval of no width, on a scale from 0 to 2 with 4 % beyond both: at 2.08 of 2.16."""
    page = as_html(table, COMMAND)
    place = f"{100 * 2.08 / 2.16:.1f}"
    assert f'<i class="zero" style="left: {100 - float(place):.1f}%"></i>' in page
    assert (
        f'<i class="range" style="left: {place}%; width: 0.0%"></i><i class="dot" style="left: {place}%"></i>' in page
    )


def test_every_training_is_a_point(table):
    # 3 + 3 on both columns of MA and in dcac's average, 1 on C3 and in the baseline's; of mAP and of R1.
    assert as_html(table, COMMAND).count('<i class="run"') == 2 * (3 * 2 * 2 + 1 + 3 + 1)


def test_page_holds_the_telemetry_where_there_is_any(told, page):
    lines = as_html(told, COMMAND).partition("<h2>Telemetry</h2>")[2].splitlines()
    names = ("noise_loss_0_250", "condition_entropy", "condition_top1", "gradient_ratio", "lora_displacement")
    assert "<tr><th></th>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>" in lines
    assert "<tr><td>Baseline</td>" + 5 * "<td>-</td>" + "</tr>" in lines
    numbers = ("0.45", "2", "0.25", "0.0015", "1.5e-05")
    assert "<tr><td>DCAC</td>" + "".join(f"<td>{number}</td>" for number in numbers) + "</tr>" in lines
    assert "elemetry" not in page


def test_several_tables_make_one_page(table):
    page = as_html([table, table], COMMAND)
    assert page.count("<h1>") == 2 and page.count("<html") == 1 and page.count(">Made by<") == 1


def test_a_table_without_any_run_is_drawn(spec):
    assert "not run" in as_html(build_table(spec, [], published=False), COMMAND)


def test_forest_plot_names_rows_columns_and_marks(table):
    svg = forest_plot(table, "mAP")
    for text in ("DCAC", "DCAC (Class-wise)", "MA -&gt; MS", "average", "mAP minus Baseline", "[a]"):
        assert f">{text.strip()}" in svg.replace("> ", ">"), text
    assert ">Baseline<" not in svg


def test_forest_plot_shows_the_verdict(table):
    better, _ = LOOKS["better"]
    worse, _ = LOOKS["worse"]
    assert better in forest_plot(table, "mAP") and worse not in forest_plot(table, "mAP")
    assert better not in forest_plot(table, "Rank-1")


def test_the_same_table_gives_the_same_plot(table):
    assert forest_plot(table, "mAP") == forest_plot(table, "mAP")


def test_matplotlib_is_imported_only_to_draw():
    check = "import sys, dcac_fastreid.experiments.render; print('matplotlib' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert finished.stdout.strip() == "False", finished.stderr
