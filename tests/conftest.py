"""A tiny synthetic data set, the small parts, and configs that point to them; nothing outside of pytest's folders is touched."""

import math
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model

import dcac_fastreid
from dcac_fastreid.engine import heartbeat
from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts
from dcac_fastreid.synthetic.parts import part
from fastreid.modeling import build_model

RESNET = """
MODEL:
  META_ARCHITECTURE: Baseline
  BACKBONE: {NAME: build_resnet_backbone, DEPTH: 18x, FEAT_DIM: 512, PRETRAIN: false}
  HEADS: {POOL_LAYER: GeneralizedMeanPoolingP, WITH_BNNECK: true, NUM_CLASSES: 8}
INPUT: {SIZE_TRAIN: [64, 32], SIZE_TEST: [64, 32]}
"""


@pytest.fixture(scope="session")
def configs() -> Path:
    """The folder configs/DCAC."""
    return Path(__file__).parent.parent / "configs" / "DCAC"


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory):
    """The cache of latents of this test session."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCAC_FASTREID_CACHE", str(folder))
        patch.delenv("FASTREID_DATASETS", raising=False)
        yield folder


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk():
    """No test cuts the power; that a file is on the disk before it takes its name is in test_output_files.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """A data root with 8 training and 6 test identities in each domain."""
    root = tmp_path_factory.mktemp("data")
    make_data_set(root, seed=1, counts=Counts(train_ids=8, train_images=6, test_ids=6, queries=1, gallery=4), workers=1)
    return root


@pytest.fixture(scope="session")
def sd_folder():
    """A small Stable Diffusion folder in diffusers' layout."""
    return part("stable-diffusion")


@pytest.fixture
def resnet_run(tmp_path) -> Path:
    """A folder with model_final.pth of one of fast-reid's own architectures, random weights, and its config.yaml."""
    (tmp_path / "config.yaml").write_text(RESNET)
    torch.manual_seed(0)
    model = build_model(dcac_fastreid.load_config(str(tmp_path / "config.yaml"), ["MODEL.DEVICE", "cpu"]))
    torch.save({"model": model.state_dict()}, tmp_path / "model_final.pth")
    return tmp_path


@pytest.fixture
def launcher(monkeypatch):
    """Sets what torchrun sets: environment variables by keyword, and where the first process is found."""

    def launch(**variables: int):
        for name, value in ({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1} | variables).items():
            monkeypatch.setenv(name, str(value))

    return launch


@pytest.fixture
def make_cfg(configs, tiny_data, tmp_path):
    """A synthetic config on `tiny_data`: 16 images a batch (4 identities), one epoch of 3 steps, output in tmp_path/out."""

    def make(name: str = "ma_ms.yml", *opts):
        return dcac_fastreid.load_config(
            str(configs / "synthetic" / name),
            [
                "MODEL.DEVICE", "cpu",
                "SOLVER.AMP.ENABLED", False,
                "SOLVER.CUDA_GRAPH", False,
                "DATASETS.ROOT", str(tiny_data),
                "SOLVER.IMS_PER_BATCH", 16,
                "SOLVER.MAX_EPOCH", 1,
                "SOLVER.CHECKPOINT_PERIOD", 1,
                "TEST.EVAL_PERIOD", 1,
                "OUTPUT_DIR", str(tmp_path / "out"),
                *opts,
            ],
        )  # fmt: skip

    return make


@pytest.fixture
def make_trainer(make_cfg, tmp_path):
    """A DCACTrainer of `make_cfg`, its output folder made."""

    def make(name: str = "ma_ms.yml", *opts):
        cfg = make_cfg(name, *opts)
        Path(cfg.OUTPUT_DIR).mkdir(parents=True, exist_ok=True)
        return dcac_fastreid.DCACTrainer(cfg)

    return make


@pytest.fixture(scope="session")
def detector_weights(tmp_path_factory) -> Path:
    """Weights of torchvision's ssdlite320, made so that it finds the same boxes on every photo; on a black one nobody.

    In shares of width and height: a person at 0.1, 0.2, 0.4, 0.9; a smaller one at 0.75, 0.5, who goes on beyond the right and the
    lower edge; one at 0.5, 0.1, 0.6, 0.3 with a score of 0.4, on a black photo, too; and a car.

    All four come from the one cell of the last feature map, by the biases of its head. All weights below average what they see, so
    that the cell's features grow with brightness; the head's weights tell black from the rest by them.
    """
    model = get_model("ssdlite320_mobilenet_v3_large", weights=None, weights_backbone=None).eval()
    *before, scores = model.head.classification_head.module_list[-1]
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.fill_(0.8 / layer.weight[0].numel())  # from 1 on all ends at one value
        model.backbone.features[0][0][1].bias.fill_(2)  # pixels are from -1 to 1
        greys = torch.tensor([-1, -0.8]).view(2, 1, 1, 1).expand(2, 3, 320, 320)  # black, and darker than any photo
        black, dark = torch.nn.Sequential(*before)(list(model.backbone(greys).values())[-1]).flatten(1)
        for head in model.head.classification_head.module_list:
            head[-1].weight.zero_()
            head[-1].bias.view(-1, 91)[:] = torch.tensor([20.0, *[-20.0] * 90])  # background
        person, car = 1, 3
        bias, weight = scores.bias.view(-1, 91), scores.weight.view(-1, 91, len(black))
        bias[:, 0] = 0
        for anchor in (0, 1):
            weight[anchor, person] = brighter = 20 * (dark - black) / (dark - black).square().sum()
            bias[anchor, person] = -brighter @ black - 10
        bias[2, person], bias[3, car] = math.log(0.4 / 0.6), 20
        places = model.head.regression_head.module_list[-1][-1]
        places.weight.zero_()
        boxes = ((0.1, 0.2, 0.4, 0.9), (0.75, 0.5, 1.05, 1.1), (0.5, 0.1, 0.6, 0.3), (0.5, 0, 0.9, 0.1))
        sides = model.anchor_generator._wh_pairs[-1].clamp(max=1)
        for anchor, ((left, top, right, bottom), (width, height)) in enumerate(
            zip(boxes, sides.tolist(), strict=False)
        ):
            centre = (left + right - 1) / 2 / width * 10, (top + bottom - 1) / 2 / height * 10
            size = math.log((right - left) / width) * 5, math.log((bottom - top) / height) * 5
            places.bias.view(-1, 4)[anchor] = torch.tensor([*centre, *size])
    file = tmp_path_factory.mktemp("detector") / "ssdlite320_mobilenet_v3_large_made.pth"
    torch.save(model.state_dict(), file)
    return file


@pytest.fixture
def quick_beats(monkeypatch):
    """Signs of life between machines, and their absence, in a second or two."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.1)
    monkeypatch.setattr(heartbeat, "SILENCE", 2.0)
    monkeypatch.setattr(heartbeat, "LOOK", 0.05)
