"""Images are normalised once and the batch stays as it was. B batch 4, D 512."""

from types import SimpleNamespace

import pytest
import torch

from dcac_fastreid.compat import preprocessing
from fastreid.evaluation import DatasetEvaluator, inference_on_dataset
from fastreid.modeling import build_model
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY, Baseline


class Batches(list):
    """A finite loader."""

    dataset = range(4)


class Features(DatasetEvaluator):
    def process(self, inputs, outputs):
        self.features = outputs

    def evaluate(self):
        return self.features.cpu()


@pytest.fixture
def model(host_cfg):
    torch.manual_seed(0)
    return build_model(host_cfg).eval()


def flip_test(model):
    """Features with TEST.FLIP, and the mean of the features of the images and of the flipped images."""
    images = 255 * torch.rand(4, 3, 64, 32, device=model.device)
    with torch.no_grad():
        expected = (model({"images": images.clone()}) + model({"images": images.flip(3)})) / 2
    return inference_on_dataset(model, Batches([{"images": images}]), Features(), flip_test=True), expected.cpu()


def test_flip_is_the_mean_of_both_images(model):
    features, expected = flip_test(model)
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-6)


def test_host_normalises_the_flipped_image_twice(model, monkeypatch):
    monkeypatch.setattr(Baseline, "preprocess_image", preprocessing.host_preprocess_image)
    features, expected = flip_test(model)
    assert (features - expected).abs().max() > 0.1


@pytest.fixture
def stub():
    """What preprocess_image reads of a model."""
    mean, std = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1), torch.tensor([2.0, 4.0, 8.0]).view(1, 3, 1, 1)
    return SimpleNamespace(device=torch.device("cpu"), pixel_mean=mean, pixel_std=std)


@pytest.mark.parametrize("name", sorted(META_ARCH_REGISTRY._obj_map))
@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_no_architecture_changes_the_batch(stub, name, dtype):
    images = torch.full((4, 3, 2, 1), 5, dtype=dtype)
    preprocess_image = META_ARCH_REGISTRY.get(name).preprocess_image
    for batch in (images, {"images": images}):
        assert preprocess_image(stub, batch)[0].flatten().tolist() == 2 * [2.0] + 2 * [0.75] + 2 * [0.25]
    assert (images == 5).all()


def test_host_fails_on_bytes(stub):
    with pytest.raises(RuntimeError, match="can't be cast"):
        preprocessing.host_preprocess_image(stub, torch.zeros(4, 3, 2, 1, dtype=torch.uint8))
