"""Settings and pretrained weights of the host's backbones."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

import fastreid
from dcac_fastreid.compat.backbones import WITH_GDOWN
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid.building import build_reid_model
from fastreid.modeling.backbones import build_backbone
from fastreid.modeling.backbones.regnet import config, effnet, regnet

REGNET, EFFNET = "build_regnet_backbone", "build_effnet_backbone"


@pytest.fixture
def build(host_cfg):
    def build(name, depth):
        host_cfg.MODEL.BACKBONE.NAME = name
        host_cfg.MODEL.BACKBONE.DEPTH = depth
        return build_backbone(host_cfg)

    return build


@pytest.fixture
def host_settings(monkeypatch):
    """The host's global object, as it is before its first use."""
    monkeypatch.setattr(regnet, "regnet_cfg", config.cfg.clone())
    monkeypatch.setattr(effnet, "effnet_cfg", regnet.regnet_cfg)


def excitations(model):
    return sum(isinstance(module, regnet.SE) for module in model.modules())


@pytest.mark.parametrize("name, depth", [(REGNET, "400x"), (EFFNET, "b0")])
def test_host_finds_its_settings_in_its_repository_alone(host_settings, build, monkeypatch, tmp_path, name, depth):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="fastreid/modeling/backbones/regnet"):
        build(name, depth)


@pytest.mark.parametrize("name, depth, width", [(REGNET, "400x", 384), (REGNET, "800y", 768), (EFFNET, "b0", 1280)])
def test_builds_and_trains_from_any_folder(build, monkeypatch, tmp_path, name, depth, width):
    monkeypatch.chdir(tmp_path)
    features = build(name, depth)(torch.rand(2, 3, 64, 32))
    features.sum().backward()
    assert features.shape[:2] == (2, width) and features.isfinite().all()


def test_host_mixes_the_settings_of_two_backbones(host_settings, build, monkeypatch):
    monkeypatch.chdir(Path(fastreid.__file__).parents[1])
    assert excitations(build(REGNET, "400x")) == 0
    build(REGNET, "400y")
    assert excitations(build(REGNET, "400x")) > 0


def test_a_backbone_has_its_own_settings(build):
    assert excitations(build(REGNET, "400y")) > 0
    assert excitations(build(REGNET, "400x")) == 0


def test_no_other_backbone_imports_gdown():
    folder = Path(fastreid.__file__).parent / "modeling" / "backbones"
    found = [file.relative_to(folder) for file in folder.rglob("*.py") if "import gdown" in file.read_text()]
    assert sorted(".".join(file.with_suffix("").parts) for file in found) == sorted(WITH_GDOWN)


@pytest.mark.parametrize("name", WITH_GDOWN)
def test_pretrained_weights_without_gdown_are_one_sentence(monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, "gdown", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    function = import_module(f"fastreid.modeling.backbones.{name}").init_pretrained_weights
    with pytest.raises(ModuleNotFoundError, match="import of gdown halted"):
        function.__wrapped__("50x")
    with pytest.raises(
        ImportError, match="pip install gdown.*PRETRAIN_PATH to a file, or MODEL.BACKBONE.PRETRAIN False"
    ):
        function("50x")


def test_gdown_that_lacks_something_itself_keeps_its_error(monkeypatch, tmp_path):
    (tmp_path / "gdown.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_package_that_nobody_has'"):
        import_module("fastreid.modeling.backbones.resnet").init_pretrained_weights("50x")


@pytest.fixture
def pretrained(build, host_cfg, tmp_path):
    """pretrained(change): a ResNet that begins with the file of its own random weights, after `change` of file or weights."""

    def pretrained(change_weights=lambda weights: None, change_file=lambda content: content):
        weights = build("build_resnet_backbone", "18x").state_dict()
        change_weights(weights)
        torch.save(weights, tmp_path / "weights.pth")
        (tmp_path / "weights.pth").write_bytes(change_file((tmp_path / "weights.pth").read_bytes()))
        host_cfg.MODEL.BACKBONE.PRETRAIN, host_cfg.MODEL.BACKBONE.PRETRAIN_PATH = True, str(tmp_path / "weights.pth")
        return weights, build("build_resnet_backbone", "18x").state_dict()

    return pretrained


def test_pretrained_weights_are_those_of_the_file(pretrained):
    saved, found = pretrained()
    assert all(found[name].equal(weight) for name, weight in saved.items())


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"change_weights": lambda weights: weights["conv1.weight"].fill_(float("nan"))},
            "conv1.weight is NaN or infinite",
        ),
        (
            {"change_file": lambda content: content[:5000] + b"\xff" + content[5001:]},
            "cannot be read as weights .*checksum",
        ),
        ({"change_file": lambda content: b"<html>not found</html>"}, "cannot be read as weights .*page"),
    ],
    ids=["NaN", "a changed byte", "a page"],
)
def test_pretrained_weights_that_are_damaged_are_refused(pretrained, changes, message):
    with pytest.raises(InputError, match=f"weights.pth .*{message}"):
        pretrained(**changes)


@pytest.mark.parametrize(
    "content",
    [{"model": torch.zeros(1)}, {"model": 3}, {"state_dict": None}, {1: torch.zeros(1)}, {"model": {1: 2}}],
    ids=str,
)
def test_pretrained_weights_of_another_form_are_one_sentence_or_no_weights(host_cfg, tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    host_cfg.MODEL.BACKBONE.NAME, host_cfg.MODEL.BACKBONE.DEPTH = "build_resnet_backbone", "18x"
    host_cfg.MODEL.BACKBONE.PRETRAIN, host_cfg.MODEL.BACKBONE.PRETRAIN_PATH = True, str(tmp_path / "weights.pth")
    try:
        weights = build_reid_model(host_cfg).state_dict()
    except InputError as refused:
        assert "\n" not in str(refused)
    else:
        assert all(weight.isfinite().all() for weight in weights.values())


def test_every_backbone_reads_weights_as_data():
    """The host's torch.load would run what a pickle says, before PyTorch 2.6."""
    readers = [
        module
        for name, module in sys.modules.items()
        if name.startswith("fastreid.modeling.backbones.") and "torch.load(" in Path(module.__file__).read_text()
    ]
    assert len(readers) > 8 and all(module.torch is not torch for module in readers)
