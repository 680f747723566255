"""Which of torchvision's detectors do the weights in a file belong to? Builds it with them; nothing is fetched."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import detection, get_model, list_models

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_weights, read_state_dict

EXAMPLES = "fasterrcnn_resnet50_fpn_v2_coco-dd69338a.pth, ssdlite320_mobilenet_v3_large_coco-a79551df.pth"
PAGE = "https://pytorch.org/vision/stable/models.html"
# Builders that, for their published weights alone, change what batch normalisation adds to the variances (`overwrite_eps`).
WITHOUT_EPS = {
    "fasterrcnn_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
}


def load_detector(file: Path) -> tuple[str, nn.Module]:
    """The name of torchvision's builder, and the detector with the weights of the file, on the CPU, for inference.

    Raises: InputError: no such file, no weights, NaN or infinite ones, or those of no detector that torchvision has for COCO.
    """
    weights = read_state_dict(file)
    if not (names := builders_of(weights)):
        raise InputError(
            f"{file} holds {len(weights):,} weights that fit none of torchvision's detectors as they are trained on COCO; expected "
            f"a file of theirs, such as {EXAMPLES} (listed, with their files, under Object Detection on {PAGE})"
        )
    check_weights(weights, None, file)
    name = _of_file_name(file.name, names)
    model = _build(name)
    model.load_state_dict(weights)
    if name in WITHOUT_EPS:
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
    return name, model.eval()


def builders_of(weights: Mapping[str, Tensor]) -> list[str]:
    """Of torchvision's builders those whose model takes the weights: all of them, no others, of the same shapes.

    torchvision's own loading decides: files of its first detectors have other names, which it knows.
    """
    return [name for name in list_models(module=detection) if _takes(name, weights)]


def _takes(name: str, weights: Mapping[str, Tensor]) -> bool:
    with torch.device("meta"):
        model = _build(name)
    try:
        model.load_state_dict(dict(weights), assign=True)  # dict: it renames in what it is given
    except RuntimeError:  # missing and other names, or shapes
        return False
    return True


def _build(name: str) -> nn.Module:
    return get_model(name, weights=None, weights_backbone=None)


def _of_file_name(file_name: str, names: list[str]) -> str:
    """Where several take the weights: two builders differ in nothing but the size to which they bring a photo.

    The one that the file's name begins with, or else the last one, which is that of the larger photo.
    """
    return next((name for name in names if file_name.startswith(name)), names[-1])
