import inspect
import json
import re
import shutil

import pytest

from dcac_fastreid.analysis.kinds import MAKE, write_images
from dcac_fastreid.analysis.options import KINDS
from dcac_fastreid.errors import InputError


@pytest.mark.parametrize("name", KINDS)
def test_the_options_of_a_kind_are_those_of_what_draws_it(name):
    parameters = inspect.signature(MAKE[name]).parameters.values()
    options = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert ("others" in options) == KINDS[name].several
    options.pop("others", None)
    assert options == {keyword: option.default for keyword, option in KINDS[name].options.items()}


def test_a_kind_of_one_run_refuses_two(trained, tmp_path):
    with pytest.raises(InputError, match="embedding shows one run, got 2 checkpoints; make a page for each"):
        write_images("embedding", [trained["dcac"], trained["baseline"]], tmp_path / "page", "command")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_library_takes_is_one_sentence(trained, tmp_path, seed):
    with pytest.raises(InputError, match=f"seed {seed} is asked for; expected 0 to 4294967295"):
        write_images("embedding", [trained["dcac"]], tmp_path, "command", options={"seed": seed})


def test_options_reach_the_kind(trained, tmp_path):
    options = {"order": "best", "queries": 1, "k": 3}
    page, absent = write_images(
        "ranked-lists", [trained["dcac"]], tmp_path, "command", dataset="DG_Market1501", options=options
    )
    assert absent == [] and {file.name for file in tmp_path.iterdir()} == {"index.html", "ranked-lists-best.png"}
    text = page.read_text()
    assert "<title>DCAC (dcac) on DG_Market1501: ranked-lists (synthetic data set)</title>" in text
    assert "computer-drawn people" in text and "its 3 nearest gallery images" in text
    assert text.index("Results on DG_Market1501") < text.index("<figure>")


def test_what_is_not_synthetic_is_not_called_so(trained, tiny_data, tmp_path):
    real = shutil.copytree(tiny_data, tmp_path / "real", ignore=shutil.ignore_patterns("drawn-world.json"))
    opts = ["DATASETS.ROOT", str(real)]
    page, _ = write_images("distances", [trained["baseline"]], tmp_path / "page", "command", opts=opts)
    assert "<title>baseline (baseline) on DG_DukeMTMC: distances</title>" in page.read_text()
    assert "synthetic" not in page.read_text()


def test_runs_whose_folders_are_called_the_same_have_different_names(trained, tmp_path):
    again = shutil.copytree(trained["baseline"].parent, tmp_path / "again" / "baseline") / "model_final.pth"
    page, _ = write_images("distances", [trained["baseline"], again], tmp_path / "page", "command")
    text = page.read_text()
    assert f"<td>baseline ({trained['baseline'].parent.parent.name}/baseline)</td>" in text
    assert "<td>baseline (again/baseline)</td>" in text


@pytest.mark.parametrize("left", ["stamp.json", "config.yaml"])
def test_a_page_of_curves_names_the_data_and_says_that_they_are_synthetic(left, trained, tmp_path):
    """By either of the files that a training has written."""
    for name, checkpoint in trained.items():
        (tmp_path / name).mkdir()
        for file in ("metrics.json", "config.yaml"):
            shutil.copyfile(checkpoint.with_name(file), tmp_path / name / file)
        if left == "stamp.json":
            (tmp_path / name / "config.yaml").unlink()
            told = {"sources": ["DG_Market1501"], "drawn_world": {"seed": 0}}
            (tmp_path / name / "stamp.json").write_text(json.dumps(told))
    page, _ = write_images("curves", [tmp_path / name for name in trained], tmp_path / "page", "command")
    text = page.read_text()
    assert "<title>Training curves: dcac, baseline on DG_Market1501 (synthetic data set)</title>" in text
    assert "computer-drawn people" in text


def test_curves_of_real_data_are_not_called_synthetic(trained, tiny_data, tmp_path):
    run = shutil.copytree(
        trained["baseline"].parent, tmp_path / "real_run", ignore=shutil.ignore_patterns("stamp.json")
    )
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(str(tiny_data), str(tmp_path)))
    assert str(tiny_data) in config
    page, _ = write_images("curves", [run], tmp_path / "alone", "command")
    assert "<title>Training curves: real_run on DG_Market1501</title>" in page.read_text()
    assert "synthetic" not in page.read_text()
    page, _ = write_images("curves", [run, trained["dcac"]], tmp_path / "both", "command")
    assert "real_run on DG_Market1501; dcac on DG_Market1501 (synthetic data set)</title>" in page.read_text()
    assert "computer-drawn people" not in page.read_text(), "not all of them are"


def test_curves_of_what_tells_no_data_are_named_by_the_run(trained, tmp_path):
    (tmp_path / "run").mkdir()
    shutil.copyfile(trained["baseline"].with_name("metrics.json"), tmp_path / "run" / "metrics.json")
    for config in ("A: 1\n", "MODEL: ["):
        (tmp_path / "run" / "stamp.json").write_text("{")
        (tmp_path / "run" / "config.yaml").write_text(config)
        page, _ = write_images("curves", [tmp_path / "run"], tmp_path / "page", "command")
        assert "<title>Training curves: run</title>" in page.read_text()


def test_all_leaves_out_what_a_baseline_has_not(trained, tmp_path):
    opts = ["DATASETS.TESTS", ("DG_MSMT17",)]
    page, absent = write_images("all", [trained["baseline"]], tmp_path, "command", opts=opts)
    assert "baseline (baseline) on DG_MSMT17" in page.read_text()
    order = re.findall(r'<h2 id="(\w+-?\w+-?\w*)"', page.read_text())
    assert order[:3] == ["ranked-lists-best", "ranked-lists-worst", "distances"] and order[-1].startswith("curves")
    kinds = {file.name.split("-")[0] for file in tmp_path.glob("*.png")}
    assert {kind.removesuffix(".png") for kind in kinds} == {
        "ranked", "distances", "grad", "correlations", "embedding",
    }, "no curve of losses that were measured once"  # fmt: skip
    assert absent == [f"no images of the diffusion model: {trained['baseline']} has none"]
