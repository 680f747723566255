"""python -m dcac_fastreid: scripts in the shape of fast-reid's, run as they are; those of tests/like_fast_reid."""

import contextlib
import io
import json
import logging
import multiprocessing
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dcac_fastreid
from dcac_fastreid.commands.main import main
from dcac_fastreid.compat import onnx_tools
from fastreid.utils.logger import setup_logger

ROOT = Path(__file__).parent.parent
THEIRS = Path(__file__).parent / "like_fast_reid"
CONFIGS = ROOT / "configs" / "DCAC" / "synthetic"
TRAIN, PLAIN, PROJECT = "tools/train_net.py", "tools/plain_train_net.py", "projects/Stripes/train_net.py"
DRAW = "demo/visualize_result.py"
RESNET = (
    "MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", "('CrossEntropyLoss',)",
    "MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512,
    "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool",
)  # fmt: skip


def run(folder: Path, *command) -> tuple[int, str]:
    """`python -m dcac_fastreid COMMAND` in this process, in a folder; its exit status and what it wrote to both streams."""
    logging.getLogger("fastreid").handlers.clear()  # they write to the streams of the run before
    setup_logger.cache_clear()
    before, written, status = os.getcwd(), io.StringIO(), 0
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
            main([str(word) for word in command], prog="python -m dcac_fastreid")
    except SystemExit as stopped:
        status = stopped.code
    finally:
        os.chdir(before)
        multiprocessing.set_start_method(None, force=True)  # fast-reid's demo sets it for the whole process
    return status, written.getvalue()


def scores(output: str) -> list[str]:
    """The figures of the last evaluation table."""
    return re.findall(r"\| DG_\w+ +\|(.*)\|", output)[-1].split("|")


@pytest.fixture(scope="module")
def tiny(tiny_data) -> list:
    """KEY VALUE pairs of a run of 3 steps on the tiny synthetic data set; the device is not named."""
    return [
        "DATASETS.ROOT", tiny_data, "SOLVER.IMS_PER_BATCH", 16, "SOLVER.MAX_EPOCH", 1, "SOLVER.CHECKPOINT_PERIOD", 1,
        "TEST.EVAL_PERIOD", 1, "OUTPUT_DIR", "out",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory) -> tuple[Path, str]:
    """DCAC, trained by a script that asks for DefaultTrainer: the folder of the run, and what it wrote."""
    folder = tmp_path_factory.mktemp("trained")
    status, output = run(folder, THEIRS / TRAIN, "--config-file", CONFIGS / "ma_ms.yml", *tiny)
    assert status == 0, output
    return folder / "out", output


def test_a_script_that_asks_for_default_trainer_trains_dcac(trained):
    folder, output = trained
    checkpoint = torch.load(folder / "model_final.pth", weights_only=True)
    assert {"conditioner", "feedback", "memory"} <= {key.split(".")[0] for key in checkpoint["model"]}
    assert "loss_diffusion" in json.loads((folder / "metrics.json").read_text().splitlines()[-1])
    assert checkpoint["progress"]["steps"] == 3 and len(scores(output)) == 6


def test_its_evaluation_needs_no_diffusion_model_and_gives_the_same_scores(trained, tiny, tmp_path):
    folder, output = trained
    weights = ("MODEL.WEIGHTS", folder / "model_final.pth", "MODEL.DCAC.DIFFUSION.WEIGHTS", "gone", "OUTPUT_DIR", "out")
    of_run = run(tmp_path, THEIRS / TRAIN, "--eval-only", "--config-file", folder / "config.yaml", *weights)
    from_source = ("--eval-only", "--config-file", CONFIGS / "ma_ms.yml", *tiny, *weights)
    for status, tested in (of_run, run(tmp_path, THEIRS / TRAIN, *from_source)):
        assert status == 0, tested
        assert scores(tested) == scores(output)


def test_a_loop_without_hooks_is_refused_for_models_with_prototypes(tiny, tmp_path):
    for config in ("ma_ms.yml", "baseline/ma_ms.yml"):
        status, output = run(tmp_path, THEIRS / PLAIN, "--config-file", CONFIGS / config, *tiny)
        assert status == 2 and "Traceback" not in output
        assert "dcac-fastreid train" in output.splitlines()[-1] and "python -m dcac_fastreid" in output.splitlines()[-1]


def test_a_loop_without_hooks_trains_architectures_of_the_host(tiny, tmp_path):
    command = (THEIRS / PLAIN, "--config-file", CONFIGS / "baseline/ma_ms.yml", *tiny, *RESNET)
    status, output = run(tmp_path, *command)  # it counts no classes
    assert status == 2 and "add MODEL.HEADS.NUM_CLASSES 8 to the command" in output.splitlines()[-1]
    status, output = run(tmp_path, *command, "MODEL.HEADS.NUM_CLASSES", 8)
    assert status == 0, output
    before, after = torch.load(tmp_path / "out/before.pth"), torch.load(tmp_path / "out/model_final.pth")["model"]
    assert not torch.equal(before["backbone.conv1.weight"], after["backbone.conv1.weight"])
    assert len(scores(output)) == 6


def test_a_project_brings_its_own_trainer_data_evaluator_and_keys(tiny, tmp_path):
    """DCAC under a trainer whose loader is fast-reid's, and an architecture of the project under fast-reid's own trainer.

    Its data is read below DATASETS.ROOT, though it has taken the folder's name from fast-reid before there was a config; its
    test set need not be one for person Re-ID, nor know the options of fast-reid's; it searches with the names of faiss-gpu.
    """
    options = ("--config-file", CONFIGS / "ma_ms.yml", *tiny, "MODEL.STRIPES.NUMBER", 4)
    status, output = run(tmp_path, THEIRS / PROJECT, *options)
    assert status == 0, output
    assert "4 stripes" in output and len(scores(output)) == 6
    assert "loss_diffusion" in (tmp_path / "out/metrics.json").read_text()

    losses = ("MODEL.LOSSES.NAME", "('CrossEntropyLoss', 'StripesLoss')")
    own = (*RESNET, "MODEL.META_ARCHITECTURE", "StripesBaseline", *losses, "OUTPUT_DIR", "own")
    status, output = run(tmp_path, THEIRS / PROJECT, *options, *own)
    assert status == 0, output
    assert "loss_stripes" in (tmp_path / "own/metrics.json").read_text() and "4 stripes" in output

    queries = ("DATASETS.TESTS", "('StripesSet',)", "MODEL.WEIGHTS", "own/model_final.pth")
    status, output = run(tmp_path, THEIRS / PROJECT, "--eval-only", *options, *own, *queries)
    assert status == 0, output
    assert re.search(r"\| StripesSet +\| \d+\.\d+ +\|", output)


def test_the_demo_extracts_features(trained, tiny_data, tmp_path):
    folder, _ = trained
    photos = sorted((tiny_data / "Market-1501-v15.09.15/query").glob("*.*"))[:2]
    options = ("--config-file", folder / "config.yaml", "--input", *photos, "--output", "features")
    status, output = run(
        tmp_path, THEIRS / "demo/demo.py", *options, "--opts", "MODEL.WEIGHTS", folder / "model_final.pth"
    )
    assert status == 0, output
    cfg = dcac_fastreid.load_config(str(folder / "config.yaml"), ["MODEL.WEIGHTS", str(folder / "model_final.pth")])
    height, width = cfg.INPUT.SIZE_TEST
    for photo in photos:
        pixels = np.array(Image.open(photo).resize((width, height), 3), dtype="float32").transpose(2, 0, 1)
        with torch.no_grad():
            feature = dcac_fastreid.load_for_testing(cfg)({"images": torch.from_numpy(pixels)[None]})
        (written,) = np.load(tmp_path / "features" / f"{photo.name.split('.')[0]}.npy")
        assert written @ torch.nn.functional.normalize(feature)[0].cpu().numpy() == pytest.approx(1, abs=1e-5)


def test_results_are_drawn(trained, tiny, tmp_path):
    """evaluate_rank is there, the test set is the one of DATASETS.ROOT, and the loader has DATALOADER.NUM_WORKERS processes."""
    folder, written = trained
    options = ("--config-file", folder / "config.yaml", "--dataset-name", "DG_MSMT17", "--output", "drawn")
    lists = ("--num-vis", 2, "--max-rank", 3, "--opts", "MODEL.WEIGHTS", folder / "model_final.pth")
    status, drawn = run(tmp_path, THEIRS / DRAW, *options, *lists)
    assert status == 0, drawn
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"0.jpg", "1.jpg", "roc.jpg", "roc_info.pickle"}
    assert "0 workers, mAP" in drawn
    mean_average_precision = float(re.search(r"mAP ([\d.]+)", drawn)[1])
    assert mean_average_precision == pytest.approx(float(scores(written)[3]), abs=0.006)  # of features of length 1


@pytest.mark.slow
def test_a_model_is_exported_without_the_two_optimizers(trained, tmp_path, monkeypatch):
    import onnxruntime

    folder, _ = trained
    monkeypatch.setattr(onnx_tools, "find_spec", lambda name: None)  # as where neither is installed
    options = ("--config-file", folder / "config.yaml", "--output", "exported", "--opts", "MODEL.WEIGHTS")
    status, output = run(tmp_path, THEIRS / "tools/deploy/onnx_export.py", *options, folder / "model_final.pth")
    assert status == 0, output
    assert "onnxsim is not installed" in output and "onnxoptimizer is not installed" in output
    session = onnxruntime.InferenceSession(tmp_path / "exported/baseline.onnx")
    images = 255 * torch.rand(1, 3, 128, 64)
    (exported,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    cfg = dcac_fastreid.load_config(str(folder / "config.yaml"), ["MODEL.WEIGHTS", str(folder / "model_final.pth")])
    with torch.no_grad():
        own = dcac_fastreid.load_for_testing(cfg)({"images": images}).cpu().numpy()
    assert np.abs(exported - own).max() < 1e-4
    assert not {"onnxsim", "onnxoptimizer"} & set(sys.modules)


# -- as `python SCRIPT` would --

TELL = """
import json, os, sys
import neighbour
print(json.dumps([__name__, __file__, sys.argv, sys.path[0], os.getcwd(), sys.modules["__main__"].neighbour.here]))
sys.exit(3)
"""


def test_a_script_sees_what_python_would_show_it(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "tell.py").write_text(TELL)
    (tmp_path / "tools" / "neighbour.py").write_text("here = True\n")
    before = sys.argv, sys.path, sys.modules["__main__"]
    status, output = run(tmp_path, "tools/tell.py", "--help", "-x", "KEY", "--", "1")
    tools = tmp_path / "tools"
    argv = ["tools/tell.py", "--help", "-x", "KEY", "--", "1"]
    assert status == 3
    assert json.loads(output) == ["__main__", str(tools / "tell.py"), argv, str(tools), str(tmp_path), True]
    assert (sys.argv, sys.path, sys.modules["__main__"]) == before


def test_names_of_the_host_are_its_own_again(tmp_path):
    (tmp_path / "fails.py").write_text(
        "from fastreid.engine import DefaultTrainer\nraise KeyError(DefaultTrainer.__name__)\n"
    )
    with pytest.raises(KeyError, match="ScriptTrainer"):
        run(tmp_path, "fails.py")
    import fastreid.engine
    import fastreid.evaluation

    assert fastreid.engine.DefaultTrainer.__name__ == "DefaultTrainer"
    assert not hasattr(fastreid.evaluation, "evaluate_rank")


def test_wrong_calls_are_told_in_a_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    for words, expected in (
        ((), "usage: python -m dcac_fastreid COMMAND"),
        (("run",), "required: SCRIPT\n"),
        (("gone.py",), f"there is no script gone.py in {tmp_path}"),
        (("run", tmp_path), f"{tmp_path} is a folder; name the script"),
        (("run", "notes.txt"), "notes.txt is no script; expected the path of a Python file, whose name ends in .py"),
    ):
        status, output = run(tmp_path, *words)
        assert status == 2 and expected in output and "Traceback" not in output
    status, output = run(tmp_path, "run", "--help")
    assert status == 0 and "SCRIPT" in output and "plain_train_net.py" in output


def test_wrong_input_of_a_script_is_told_in_a_sentence(trained, tiny, tmp_path):
    folder, _ = trained
    (tmp_path / "damaged.pth").write_bytes((folder / "model_final.pth").read_bytes()[:1000])
    torch.save({"model": {"weight": torch.zeros(3)}}, tmp_path / "other.pth")
    (tmp_path / "broken.yml").write_text("MODEL: [1,\n")
    weights = ("MODEL.WEIGHTS", folder / "model_final.pth")
    config, evaluate = ("--config-file", CONFIGS / "ma_ms.yml"), ("--eval-only", *tiny)
    cases = [
        (("--config-file", "gone.yml"), "no config file gone.yml"),
        ((), "name one with --config-file"),
        (("--config-file", "broken.yml"), "broken.yml is no yaml"),
        ((*config, "MODEL.DCAC.CONDITIONER.TEU", 1), "no config key 'MODEL.DCAC.CONDITIONER.TEU'"),
        ((*config, *evaluate, "MODEL.WEIGHTS", "gone.pth"), "there is no checkpoint gone.pth"),
        ((*config, *evaluate, "MODEL.WEIGHTS", "damaged.pth"), "damaged.pth cannot be read"),
        ((*config, *evaluate, "MODEL.WEIGHTS", "other.pth"), "of this architecture"),
        ((*config, *evaluate, *RESNET, "MODEL.WEIGHTS", "other.pth"), "none of the weights of the model's backbone"),
        ((*config, *evaluate, "MODEL.META_ARCHITECTURE", "Nobody"), "'Nobody' found in 'META_ARCH' registry"),
        ((*config, *evaluate, "MODEL.BACKBONE.NAME", "nothing"), "MODEL.BACKBONE.NAME is 'nothing'; known are"),
        ((*config, *tiny, "DATASETS.ROOT", "gone"), "gone"),
        ((*config, *evaluate, *weights, "DATASETS.ROOT", "gone"), "gone"),
        ((*config, *evaluate, *weights, "DATASETS.TESTS", "('Nowhere',)"), "DATASETS.TESTS holds 'Nowhere'; known are"),
        ((*config, "--eval-only", *tiny), "add MODEL.WEIGHTS"),
        ((*config, "--num-gpus", 1000), "--num-gpus is 1000"),
    ]
    if not torch.cuda.is_available():
        cases.append(((*config, "MODEL.DEVICE", "cuda"), "PyTorch finds no GPU"))
    drawing = ("--config-file", folder / "config.yaml", "--output", "drawn", "--dataset-name")
    cases = [(TRAIN, *case) for case in cases] + [
        (PLAIN, (*config, *tiny, *RESNET, "DATASETS.ROOT", "gone"), "gone"),
        (PLAIN, (*config, *tiny, *RESNET, "DATASETS.NAMES", "('Nowhere',)"), "'Nowhere' found in 'DATASET' registry"),
        (DRAW, (*drawing, "Nowhere", "--opts", *weights), "'Nowhere' found in 'DATASET' registry"),
        (
            DRAW,
            (*drawing, "Market1501", "--opts", *weights, "DATASETS.ROOT", "gone"),
            "Market1501 cannot be read below gone",
        ),
    ]
    for script, words, expected in cases:
        status, output = run(tmp_path, THEIRS / script, *words)
        assert status == 2 and expected in output.splitlines()[-1], output
        assert "Traceback" not in output


@pytest.mark.slow
def test_processes_that_a_script_spawns_see_fast_reid_as_it_does(trained, tmp_path):
    """In a process of its own, with a loader whose worker is spawned: it imports fast-reid, and the script, again."""
    folder, _ = trained
    options = ("--config-file", folder / "config.yaml", "--dataset-name", "DG_MSMT17", "--output", tmp_path / "drawn")
    lists = ("--num-vis", 1, "--max-rank", 3, "--opts", "MODEL.WEIGHTS", folder / "model_final.pth")
    script = (THEIRS / DRAW, *options, *lists, "DATALOADER.NUM_WORKERS", 1)
    finished = subprocess.run(
        [sys.executable, "-m", "dcac_fastreid", *map(str, script)], cwd=ROOT, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert "1 workers, mAP" in finished.stdout and (tmp_path / "drawn" / "0.jpg").is_file()


def test_the_console_command_is_this_one():
    tomllib = pytest.importorskip("tomllib")  # since Python 3.11
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    ((name, target),) = said.items()
    assert name == "dcac-fastreid" and EntryPoint(name, target, "console_scripts").load() is main
