import re
import shutil

import pytest
import torch

from fastreid.modeling import build_model


@pytest.fixture
def run_folder(make_cfg, tmp_path):
    """A baseline's run: checkpoint, config, two lines of metrics."""
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 8)
    folder = tmp_path / "run"
    folder.mkdir()
    torch.save({"model": build_model(cfg).state_dict()}, folder / "model_final.pth")
    (folder / "config.yaml").write_text(cfg.dump())
    (folder / "metrics.json").write_text("".join(f'{{"iteration": {step}, "total_loss": 1.5}}\n' for step in (0, 20)))
    return folder


def test_a_page_with_the_command_that_makes_it(run_folder, run_tool, tmp_path):
    checkpoint, output = run_folder / "model_final.pth", tmp_path / "page"
    arguments = ("ranked-lists", "--checkpoint", checkpoint, "--output", output, "--queries", 2, "--k", 3, "--dataset")
    status, written = run_tool("visualize", *arguments, "DG_DukeMTMC", "TEST.METRIC", "euclidean")
    assert status == 0 and f"{output}/index.html\n" in written, written
    assert sorted(file.name for file in output.iterdir()) == ["index.html", "ranked-lists-worst.png"]
    page = (output / "index.html").read_text()
    assert "baseline (run) on DG_DukeMTMC" in page and "Beside the sign stands the distance" in page
    assert f"python tools/visualize.py ranked-lists --checkpoint {checkpoint}" in page.replace("<wbr>", "")


def test_curves_need_a_folder_alone(run_folder, run_tool, tmp_path):
    status, written = run_tool("visualize", "curves", run_folder, "--output", tmp_path / "page")
    assert status == 0 and (tmp_path / "page" / "curves-losses.png").is_file(), written


def spoil(data_root, run_folder):
    image = next((data_root / "Market-1501-v15.09.15" / "query").glob("*.jpg"))
    image.write_bytes(b"no image")


def cut(data_root, run_folder):
    checkpoint = run_folder / "model_final.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])


@pytest.mark.parametrize(
    ("kind", "arguments", "message", "arrange"),
    [
        ("embedding", "--checkpoint {tmp}/none.pth", "there is no file .*none.pth", None),
        ("distances", "--checkpoint {run}/model_final.pth", "cannot be read as weights", cut),
        ("distances", "--checkpoint {run}/config.yaml", "cannot be read as weights", None),
        ("distances", "--checkpoint {checkpoint} --config-file {tmp}/none.yml", "there is no config file", None),
        ("distances", "--checkpoint {checkpoint} --dataset Nowhere", "DATASETS.TESTS holds 'Nowhere'; known are", None),
        ("distances", "--checkpoint {checkpoint} DATASETS.ROOT {tmp}", "is missing:\n.*no folder", None),
        ("distances", "--checkpoint {checkpoint} MODEL.BACKBONE.NAME build_resnet_backbone", "is it of this architecture", None),
        ("distances", "--checkpoint {checkpoint} MODEL.NAME x", "there is no config key 'MODEL.NAME'", None),
        ("ranked-lists", "--checkpoint {checkpoint} --order middle", "in order 'middle'; expected one of", None),
        ("ranked-lists", "--checkpoint {checkpoint} --checkpoint {checkpoint}", "ranked-lists shows one run", None),
        ("ranked-lists", "--checkpoint {checkpoint} --dataset DG_Market1501", "cannot be read as an image", spoil),
        ("diffusion", "--checkpoint {checkpoint}", "has no diffusion side", None),
        ("curves", "{tmp}", "there is no .*metrics.json", None),
        ("curves", "{run}/none", "there is no .*run/none; give the folder of a run", None),
        ("curves", "{run} --output {checkpoint}", "model_final.pth is a file; choose another folder", None),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence(kind, arguments, message, arrange, run_folder, tiny_data, run_tool, tmp_path):
    opts = ()
    if arrange:
        data_root = tmp_path / "data_root"
        shutil.copytree(tiny_data, data_root)
        arrange(data_root, run_folder)
        opts = ("DATASETS.ROOT", data_root)
    before = sorted(tmp_path.rglob("*"))
    output = () if "--output" in arguments else ("--output", tmp_path / "page")
    places = {"tmp": tmp_path, "run": run_folder, "checkpoint": run_folder / "model_final.pth"}
    status, written = run_tool("visualize", kind, *output, *arguments.format(**places).split(), *opts)
    assert status == 2 and re.search(f"error: .*{message}", written), written
    assert "Traceback" not in written and sorted(tmp_path.rglob("*")) == before


def test_help_tells_a_newcomer_what_there_is(run_tool):
    status, written = run_tool("visualize", "--help")
    assert status == 0
    for kind in ("ranked-lists", "distances", "grad-cam", "correlations", "diffusion", "embedding", "curves", "all"):
        assert re.search(rf"^ +{kind}\s", written, re.MULTILINE), written
    status, written = run_tool("visualize", "distances", "--help")
    assert status == 0 and "give it again to show other runs beside it" in " ".join(written.split())
