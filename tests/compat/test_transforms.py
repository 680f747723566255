"""INPUT.AFFINE on today's torchvision."""

import inspect

import numpy as np
import pytest
import torch
import torchvision.transforms
from PIL import Image

from fastreid.data.transforms import build


@pytest.fixture
def affine(host_cfg):
    """Builds the training transforms: resize, affine, to a tensor."""
    host_cfg.INPUT.AFFINE.ENABLED = True
    host_cfg.INPUT.FLIP.ENABLED = False
    host_cfg.INPUT.PADDING.ENABLED = False
    return lambda: build.build_transforms(host_cfg, is_train=True)


@pytest.mark.skipif(
    "resample" in inspect.signature(torchvision.transforms.RandomAffine).parameters, reason="this torchvision has them"
)
def test_host_gives_arguments_that_are_gone(affine, monkeypatch):
    monkeypatch.setattr(build, "T", torchvision.transforms)
    with pytest.raises(TypeError, match="unexpected keyword argument 'resample'"):
        affine()


def test_affine_moves_pixels_and_mixes_none(affine):
    """Nearest neighbour, and black outside, as resample=False and fillcolor=0 were: no value between those given."""
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).choice([100, 200], (64, 32)).astype(np.uint8)
    image = Image.fromarray(np.stack(3 * [pixels], axis=-1))
    transforms = affine()
    moved = torch.stack([transforms(image) for _ in range(5)])
    assert moved.unique().tolist() == [0, 100, 200]
    assert all((moved[0] != other).any() for other in moved[1:])


def test_nothing_else_of_torchvision_changes():
    names = torchvision.transforms.transforms.__all__
    changed = [name for name in names if getattr(build.T, name) is not getattr(torchvision.transforms, name)]
    assert changed == ["RandomAffine"]
