import pytest
import torch
from torchvision.models import detection, get_model, list_models, resnet18

from dcac_fastreid.deploy.detector_weights import WITHOUT_EPS, _takes, builders_of, load_detector
from dcac_fastreid.errors import InputError

ALIKE = {"fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn"}  # but for the size of a photo
NAMES = list_models(module=detection)


def weights_of(name, **options):
    with torch.device("meta"):
        return get_model(name, weights=None, weights_backbone=None, **options).state_dict()


@pytest.mark.parametrize("name", [*sorted(ALIKE), "retinanet_resnet50_fpn_v2", "ssdlite320_mobilenet_v3_large"])
def test_weights_tell_their_detector(name):
    assert set(builders_of(weights_of(name))) == (ALIKE if name in ALIKE else {name})


def test_every_detector_of_torchvisions_can_be_told():
    assert len(NAMES) >= 12 and WITHOUT_EPS <= set(NAMES)
    all_weights = {name: weights_of(name) for name in NAMES}
    assert [name for name, weights in all_weights.items() if not _takes(name, weights)] == []
    shapes = {name: {(key, value.shape) for key, value in weights.items()} for name, weights in all_weights.items()}
    alike = {name for name in NAMES for other in NAMES if name != other and shapes[name] == shapes[other]}
    assert alike == ALIKE


def test_names_of_torchvisions_first_files_are_known():
    """fasterrcnn_resnet50_fpn_coco-258fb6c6.pth: of 2019, with batch normalisation that does not count."""
    weights = {}
    for name, value in weights_of("fasterrcnn_resnet50_fpn").items():
        if not name.endswith("num_batches_tracked"):
            name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
            for block in ("inner_blocks", "layer_blocks"):
                for level in range(4):
                    name = name.replace(f"{block}.{level}.0.", f"{block}.{level}.")
            weights[name] = value
    assert "backbone.fpn.inner_blocks.0.weight" in weights and "rpn.head.conv.bias" in weights
    assert builders_of(weights) == ["fasterrcnn_resnet50_fpn"]


def test_where_two_detectors_fit_the_files_name_says_which(tmp_path):
    weights = get_model("fasterrcnn_mobilenet_v3_large_fpn", weights=None, weights_backbone=None).state_dict()
    names = {
        "fasterrcnn_mobilenet_v3_large_320_fpn-907ea3f9.pth": ("fasterrcnn_mobilenet_v3_large_320_fpn", 320),
        "mine.pth": ("fasterrcnn_mobilenet_v3_large_fpn", 800),
    }
    for file, (expected, side) in names.items():
        torch.save(weights, tmp_path / file)
        name, model = load_detector(tmp_path / file)
        assert name == expected and model.transform.min_size == (side,) and not model.training
        held = model.state_dict()
        assert all(torch.equal(held[key], value) for key, value in weights.items())


def other_file(kind, folder, detector_weights):
    file = folder / "weights.pth"
    if kind == "a classifier":
        torch.save(resnet18(weights=None).state_dict(), file)
    elif kind == "other classes":
        builder = detection.ssdlite320_mobilenet_v3_large
        torch.save(builder(weights=None, weights_backbone=None, num_classes=2).state_dict(), file)
    elif kind == "not a number":
        weights = torch.load(detector_weights)
        weights["backbone.features.0.0.0.weight"][0] = torch.nan
        torch.save(weights, file)
    elif kind == "a page":
        file.write_text("<!DOCTYPE html><html>404</html>")
    elif kind == "a folder":
        file.mkdir()
    return file


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("a classifier", "holds 122 weights that fit none of torchvision's detectors as they are trained on COCO; expected"),
        ("other classes", "fit none of torchvision's detectors as they are trained on COCO; expected a file of theirs, such as "
         r"fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth, .*\(listed, with their files, under Object Detection on https://pytorch"),
        ("not a number", "weights in it are unusable: backbone.features.0.0.0.weight is NaN or infinite"),
        ("a page", "cannot be read as weights .it is an HTML page"),
        ("a folder", "is a folder; name a file of weights"),
        ("nothing", "there is no file"),
    ],
)  # fmt: skip
def test_another_file_is_refused(kind, sentence, tmp_path, detector_weights):
    with pytest.raises(InputError, match=sentence):
        load_detector(other_file(kind, tmp_path, detector_weights))
