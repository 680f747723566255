"""Every kind of page as a reader sees it, on a phone, a laptop and a large screen."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from dcac_fastreid import data, load_config
from dcac_fastreid.analysis.kinds import write_images
from dcac_fastreid.deploy.search.answer_section import answer_section
from dcac_fastreid.deploy.search.answers import Answer, Hit
from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.experiments import demo
from dcac_fastreid.experiments.html import as_html
from dcac_fastreid.experiments.protocols import table_of
from dcac_fastreid.experiments.table import build_table
from dcac_fastreid.pages.content import Section
from dcac_fastreid.pages.image_page import write_page

from .chromium import start_or_skip

WIDTHS = (390, 1300, 1600)
LONG = "someone_with_a_long_file_name_2026-11-30_frame_000123456.jpg"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with start_or_skip(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def search_page(tiny_data, tmp_path_factory) -> Path:
    """Two answers, one calibrated, one with a long name and more photos than a line holds."""
    photos = sorted((tiny_data / "Market-1501-v15.09.15" / "bounding_box_test").iterdir())
    folder = tmp_path_factory.mktemp("search")
    long = folder / "gallery" / "entrance" / LONG
    long.parent.mkdir(parents=True)
    gallery = [Path(shutil.copy(photo, folder / "gallery" / photo.name)) for photo in photos[:19]]
    gallery.append(Path(shutil.copy(photos[0], long)))
    known = [Hit(photo, 0.9 - 0.01 * rank, 0.5 / (rank + 1), rank < 3) for rank, photo in enumerate(reversed(gallery))]
    unknown = [Hit(photo, 0.5) for photo in gallery[:3]]
    verdict = "3 of the 20 listed photos are above the threshold 0.875, look at them"
    sections = [
        answer_section(1, Answer(photos[0], known), folder / "gallery", verdict),
        answer_section(2, Answer(long, unknown), folder / "gallery", "best similarity 0.500"),
        Section("how-to-read", "How to read the answers", None, "One line of notes.\nAnother."),
    ]
    command = f"dcac-fastreid search query --index my_index --photos {LONG} {LONG} --output {'deep/' * 30}found"
    return write_page(folder / "found", "Search in gallery", sections, command)


@pytest.fixture(scope="module")
def runs(configs, tiny_data, tmp_path_factory) -> dict[str, Path]:
    """Checkpoints of DCAC and of the baseline before the first step of a training, with metrics as of a long one."""
    output, checkpoints = tmp_path_factory.mktemp("runs"), {}
    for name, file in (("dcac", "ma_ms.yml"), ("baseline", "baseline/ma_ms.yml")):
        folder = output / f"{name}_of_a_long_name_with_everything_in_it" / "seed_0"
        opts = ["MODEL.DEVICE", "cpu", "DATASETS.ROOT", str(tiny_data), "SOLVER.IMS_PER_BATCH", 16]
        cfg = load_config(str(configs / "synthetic" / file), [*opts, "MODEL.HEADS.NUM_CLASSES", 8])
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(cfg.dump())
        model = DCACTrainer.build_model(data.with_local_weights(cfg))
        model.memory.reset(torch.eye(*model.memory.prototypes.shape), torch.arange(8))
        torch.save({"model": model.state_dict()}, folder / "model_final.pth")
        steps = [{"iteration": step, "total_loss": 9 / (step + 1), "lr": 1e-4} for step in range(0, 200, 20)]
        steps[-1] |= {"mAP": 30.0, "telemetry/gradient_ratio": 0.001}
        (folder / "metrics.json").write_text("".join(json.dumps(step) + "\n" for step in steps))
        checkpoints[name] = folder / "model_final.pth"
    return checkpoints


@pytest.fixture(scope="module")
def visualize_page(runs, tmp_path_factory) -> Path:
    """A single kind, of a run whose folder has a long name."""
    options = {"order": "best", "queries": 3, "k": 10}
    command = f"dcac-fastreid visualize ranked-lists --checkpoint {runs['baseline']}"
    return write_images("ranked-lists", [runs["baseline"]], tmp_path_factory.mktemp("page"), command, options=options)[
        0
    ]


@pytest.fixture(scope="module")
def curves_page(runs, tmp_path_factory) -> Path:
    """Two runs whose folders have long names."""
    folders = [checkpoint.parent for checkpoint in runs.values()]
    command = f"dcac-fastreid visualize curves {folders[0]} {folders[1]}"
    return write_images("curves", folders, tmp_path_factory.mktemp("curves"), command)[0]


@pytest.fixture(scope="module")
def demo_page(runs, tmp_path_factory) -> Path:
    """All that the demo's page holds."""
    generator, names = random.Random(0), (demo.SOURCE, *demo.TARGETS)
    rows = (demo.RANDOM, demo.PRETRAINED, *demo.CONFIGS)
    scores = {row: {name: dict.fromkeys(("mAP", "Rank-1"), generator.uniform(5, 70)) for name in names} for row in rows}
    page, absent = write_images(
        "all",
        [runs["dcac"], runs["baseline"]],
        tmp_path_factory.mktemp("demo") / "pictures",
        "dcac-fastreid demo --output logs/demo",
        dataset=demo.SOURCE,
        title="Demo: DCAC and baseline, trained on DG_Market1501",
        results=[demo.results(scores)],
    )
    assert absent == []
    return page


@pytest.fixture(scope="module")
def reproduce_page(tmp_path_factory) -> Path:
    """Twelve pairs of data sets, three seeds on each of two synthetic data sets; one row did not run."""
    generator, spec = random.Random(0), table_of("2", synthetic=True)
    results = [
        _result(generator, row, source, seed, data_seed, [target for of, target in spec.columns if of == source])
        for row in spec.rows[:-1]
        for source in dict.fromkeys(source for source, _ in spec.columns)
        for seed in range(3)
        for data_seed in (0, 1)
    ]
    page = tmp_path_factory.mktemp("reproduce") / "table-2.html"
    page.write_text(as_html(build_table(spec, results, published=False), "dcac-fastreid reproduce --table 2"))
    return page


def _result(generator: random.Random, row: str, source: str, seed: int, data_seed: int, targets: list[str]) -> dict:
    scores, queries = {}, {}
    for target in targets:
        precisions = [generator.gauss(40 + len(row), 5) for _ in range(8)]
        scores[target] = {"mAP": sum(precisions) / 8, "Rank-1": 50.0, "mINP": 5.0}
        queries[target] = {"AP": precisions, "Rank-1": [0.0, 100.0] * 4, "person": [1, 1, 2, 2, 3, 3, 4, 4]}
    return {
        "row": row, "source": source, "seed": seed, "data_seed": data_seed, "scores": scores, "queries": queries,
        "stamp": {"versions": {"torch": "2.14"}}, "marks": {targets[0]: ["chosen by its result on this pair"]},
        "seconds": 41.2, "telemetry": {"telemetry/gradient_ratio": 0.001, "telemetry/condition_entropy": 2.0},
    }  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["search", "visualize", "curves", pytest.param("demo", marks=pytest.mark.slow), "reproduce"]
)
def test_a_page_is_whole_at_every_width(kind, browser, request, tmp_path):
    page = request.getfixturevalue(f"{kind}_page")
    found = {}
    for width in WIDTHS:
        found[width] = browser.open(page, width)
        browser.screenshot(tmp_path / f"{kind}-{width}.png")
        assert Image.open(tmp_path / f"{kind}-{width}.png").width == width
    assert found == dict.fromkeys(WIDTHS, []), f"see {tmp_path}"


def test_the_test_sees_what_is_broken(browser, tmp_path):
    """Each fault that is looked for, on a page that has it."""
    broken = {
        "wide on a screen of": '<div style="width: 2000px">wide</div>',
        "overlap by": '<p>one text</p><p style="margin-top: -2.2em">another text</p>',
        "is not shown": '<img src="none.png" alt="nothing">',
        "is cut off": '<p style="margin-left: -60px">text</p>',
        "console": "<script>console.error('an error')</script>",
    }
    for fault, content in broken.items():
        (tmp_path / "page.html").write_text(f"<!DOCTYPE html><title>t</title><body>{content}</body>")
        assert any(fault in found for found in browser.open(tmp_path / "page.html", 390)), fault
