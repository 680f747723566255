"""The exported folders in the programs that they are for, by these programs' own loaders and preprocessing, in an own environment.

Needs the package index; minutes. boxmot and Ultralytics are under AGPL: each runs as a process of its own.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

import dcac_fastreid
from dcac_fastreid import data
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.deploy import open_encoder
from dcac_fastreid.deploy.export.comparison import fed_with
from dcac_fastreid.deploy.export.consumers.export_for import export_for
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.export.consumers.their_resize import resized_as_theirs
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.onnx_file import onnx_runner
from dcac_fastreid.deploy.export.scores import mean_of_others
from dcac_fastreid.evaluation import rank_features
from fastreid.modeling import build_model

HERE = Path(__file__).parent
# What PyTorch's side of this test's environment lacks; without their requirements, which would bring PyTorch again, 6 GB.
PACKAGES = (
    "--no-deps", "boxmot==25.0.0", "ultralytics==8.4.190", "onnxruntime==1.24.3", "opencv-python-headless==4.14.0.94",
    "beautifulsoup4==4.15.0", "filterpy==1.4.5", "gdown==5.2.2", "lapx==0.11.1", "loguru==0.7.3", "pandas==2.3.3",
    "polars==2.1.0", "polars-runtime-32==2.1.0", "pytz==2026.6", "soupsieve==4.1.3", "ultralytics-platform==0.1.99",
    "ultralytics-thop==2.2.3", "openvino==2026.4.1", "openvino-telemetry==2025.2.0",
)  # fmt: skip
OLD_BOXMOT = "boxmot==18.0.0"  # the file's name tells it the network
DATASET = "DG_MSMT17"  # its boxes are of many sizes
WITHIN = 1.0  # mAP, in percentage points
RESNET = """
MODEL:
  META_ARCHITECTURE: Baseline
  BACKBONE: {NAME: build_resnet_backbone, DEPTH: 18x, FEAT_DIM: 512, PRETRAIN: false}
  HEADS: {POOL_LAYER: GeneralizedMeanPoolingP, WITH_BNNECK: true, NUM_CLASSES: 8}
INPUT: {SIZE_TRAIN: [256, 128], SIZE_TEST: [256, 128]}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        sys.version_info < (3, 11), reason="onnxruntime 1.24.3, which boxmot 25 pins, needs Python 3.11"
    ),
]


class TestSet(NamedTuple):
    __test__ = False
    paths: list[str]
    people: list[int]
    cameras: list[int]
    queries: int

    def score(self, features: torch.Tensor) -> float:
        """mAP in per cent."""
        count = self.queries
        labels = [self.people[:count], self.people[count:], self.cameras[:count], self.cameras[count:]]
        return 100 * float(rank_features(features[:count], features[count:], *labels)[1].mean())


@pytest.fixture(scope="module")
def test_set() -> TestSet:
    dataset = read_dataset(DATASET, data.data_root("synthetic:0"))
    items = [*dataset.query, *dataset.gallery]
    paths, people, cameras = ([item[part] for item in items] for part in range(3))
    return TestSet(paths, people, cameras, len(dataset.query))


@pytest.fixture(scope="module")
def theirs(make_environment, tmp_path_factory):
    """Features (n, D) of images, by a driver in the folder of an exported file; and the program's version."""
    python = make_environment(*PACKAGES, with_ours=True)
    work = tmp_path_factory.mktemp("drivers")

    def run(driver: str, folder: Path, file: str, images: list[str], packages: str = "") -> tuple[torch.Tensor, str]:
        (work / "list.json").write_text(json.dumps(images))
        environment = os.environ | {"YOLO_CONFIG_DIR": str(work), "HOME": str(work), "PYTHONPATH": packages}
        words = [python, HERE / driver, file, work / "list.json", work / "features.npy"]
        finished = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
        features = torch.from_numpy(np.load(work / "features.npy")).float()
        return functional.normalize(features), finished.stdout.split()[-1]

    run.python = python
    return run


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A folder for each consumer, and "plain", with a second copy of the plain file under a name that boxmot reads."""
    output = tmp_path_factory.mktemp("exported")
    export_for({name: output / name for name in CONSUMERS}, "synthetic")
    plain = output / "plain"
    export_model("synthetic", plain / "encoder.onnx")
    (plain / CONSUMERS["boxmot"].file).write_bytes((plain / "encoder.onnx").read_bytes())
    (plain / "botsort_reid.yaml").write_bytes((output / "ultralytics" / "botsort_reid.yaml").read_bytes())
    return output


def emulated(name: str, folder: Path, images: list[str]) -> torch.Tensor:
    consumer, encoder = CONSUMERS[name], open_encoder("synthetic", device="cpu")
    resized = resized_as_theirs([data.read_image(path) for path in images], encoder.input_size, consumer.rounds)
    return onnx_runner((folder / consumer.file).read_bytes())(fed_with(resized, consumer.pixels, encoder))


@pytest.mark.parametrize(
    ("name", "driver", "given"),
    [
        ("boxmot", "boxmot_driver.py", CONSUMERS["boxmot"].file),
        ("ultralytics", "ultralytics_driver.py", "botsort_reid.yaml"),
    ],
)
def test_their_own_loader_gives_our_features(name, driver, given, exported, test_set, theirs):
    """The plain file, without an error, gives everyone the same feature; the consumer's gives mAP within a point of ours."""
    ours = dcac_fastreid.FeatureExtractor("synthetic", device="cpu")(test_set.paths)
    before, _ = theirs(driver, exported / "plain", given, test_set.paths)
    after, used = theirs(driver, exported / name, given, test_set.paths)
    figures = [(test_set.score(features), mean_of_others(features)) for features in (ours, before, after)]
    rows = zip(("ours", "plain file, theirs", "its file, theirs"), figures, strict=True)
    print(
        *(f"{name} {used}, {what}: mAP {score:.2f}, strangers {cosine:.3f}" for what, (score, cosine) in rows), sep="\n"
    )
    own, plain, made = figures
    assert abs(made[0] - own[0]) <= WITHIN and abs(made[1] - own[1]) < 0.02
    assert plain[0] < own[0] - 20 and plain[1] > 0.95, "the test would not see wrong pixels"
    by_us = emulated(name, exported / name, test_set.paths[:200])
    assert (by_us * after[:200]).sum(1).min() > 0.999, "what the export prints is emulated rightly"


def test_deepstreams_arithmetic_emulated_gives_our_features(exported, test_set):
    """Not DeepStream itself: what NVIDIA documents of it, by the values in the file that it would read."""
    import yaml

    settings = yaml.safe_load((exported / "deepstream" / "nvtracker_reid.yml").read_text())["ReID"]
    pixels = resized_as_theirs(map(data.read_image, test_set.paths), tuple(settings["inferDims"][1:]), rounds=False)
    fed = settings["netScaleFactor"] * (pixels - torch.tensor(settings["offsets"]).view(3, 1, 1))
    features = onnx_runner((exported / "deepstream" / settings["onnxFile"]).read_bytes())(fed)
    assert features.shape[1] == settings["reidFeatureSize"]
    score, own = (
        test_set.score(each)
        for each in (features, dcac_fastreid.FeatureExtractor("synthetic", device="cpu")(test_set.paths))
    )
    print(f"DeepStream, emulated: mAP {score:.2f}, ours {own:.2f}")
    assert abs(score - own) <= WITHIN


def test_an_older_boxmot_reads_the_same_folder(theirs, test_set, tmp_path):
    """It always feeds 256 x 128: one of fast-reid's own architectures, with random weights."""
    (tmp_path / "config.yaml").write_text(RESNET)
    torch.manual_seed(0)
    model = build_model(dcac_fastreid.load_config(str(tmp_path / "config.yaml"), ["MODEL.DEVICE", "cpu"]))
    torch.save({"model": model.state_dict()}, tmp_path / "model_final.pth")
    export_for({"boxmot": tmp_path / "boxmot"}, tmp_path / "model_final.pth")
    words = [theirs.python, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "old", OLD_BOXMOT]
    subprocess.run(words, check=True)
    images = test_set.paths[:40]
    old, used = theirs("boxmot_driver.py", tmp_path / "boxmot", CONSUMERS["boxmot"].file, images, str(tmp_path / "old"))
    new, _ = theirs("boxmot_driver.py", tmp_path / "boxmot", CONSUMERS["boxmot"].file, images)
    ours = dcac_fastreid.FeatureExtractor(tmp_path / "model_final.pth", device="cpu")
    size = tuple(reversed(Image.open(images[0]).size))
    assert used == OLD_BOXMOT.removeprefix("boxmot==") and size != (256, 128)
    torch.testing.assert_close(old, new, rtol=0, atol=1e-5)
    assert (old * ours(images)).sum(1).mean() > 0.99


def test_boxmot_reads_openvinos_files_too(theirs, test_set, tmp_path):
    """Written by an environment that has OpenVINO."""
    words = ["-m", "dcac_fastreid", "export", "--checkpoint", "synthetic", "--for", "boxmot", "plain", "--openvino"]
    ours = {"PYTHONPATH": str(Path(dcac_fastreid.__file__).parents[1])}
    finished = subprocess.run(
        [theirs.python, *words, "--output", tmp_path],
        env=os.environ | ours,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert "encoder_openvino_model/encoder.xml: 3.8 MB; against PyTorch" in finished.stdout
    images = test_set.paths[:40]
    by_openvino, _ = theirs("boxmot_driver.py", tmp_path / "boxmot", CONSUMERS["boxmot"].openvino, images)
    by_onnx, _ = theirs("boxmot_driver.py", tmp_path / "boxmot", CONSUMERS["boxmot"].file, images)
    torch.testing.assert_close(by_openvino, by_onnx, rtol=0, atol=1e-5)


def test_this_environment_has_none_of_them():
    for package in ("boxmot", "ultralytics"):
        with pytest.raises(ModuleNotFoundError):
            version(package)
