import copy

import numpy as np
import pytest
import torch
from PIL import Image

import dcac_fastreid
from dcac_fastreid.deploy.encoder_module import BY_NAME, EncoderModule
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_once

MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
FED = {"0-255": lambda images: images, "0-1": lambda images: images / 255, "imagenet": lambda i: (i / 255 - MEAN) / STD}


@pytest.fixture
def images():
    """(4, 3, 200, 90), RGB in [0, 255], as PIL images and as a tensor; photos have dark and bright places."""
    coarse = np.random.default_rng(0).integers(0, 256, (4, 8, 4, 3), dtype=np.uint8)
    as_pil = [Image.fromarray(each).resize((90, 200), Image.Resampling.BILINEAR) for each in coarse]
    return as_pil, torch.from_numpy(np.stack([np.asarray(each) for each in as_pil])).permute(0, 3, 1, 2).float()


@torch.no_grad()
@pytest.mark.parametrize("pixels", FED)
def test_features_are_the_extractors_for_every_kind_of_pixels(pixels, checkpoint, extract, images):
    as_pil, tensor = images
    model = dcac_fastreid.load_encoder(checkpoint, pixels, device="cpu")
    assert isinstance(model, torch.nn.Module) and not model.training
    expected = extract(as_pil)
    found = model(FED[pixels](tensor))
    assert found.shape == (4, 128) and (found * expected).sum(1).min() > 0.9999, "resized inside"
    ready = torch.stack([torch.from_numpy(np.array(each.resize((64, 128), 3))).permute(2, 0, 1) for each in as_pil])
    torch.testing.assert_close(model(FED[pixels](ready.float())), expected, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("pixels", FED)
@pytest.mark.parametrize("fed", FED)
def test_other_pixels_than_were_told_are_refused_or_warned_of(pixels, fed, encoder, images, caplog):
    """Values from 0 to 1 are possible ones of every kind."""
    warn_once.cache_clear()
    model, batch = EncoderModule(encoder, BY_NAME[pixels]), FED[fed](images[1])
    if pixels == fed or fed == "0-1":
        model(batch)
        model(batch / 2)
    else:
        with pytest.raises(InputError, match=f"values from .* as pixels='{pixels}' says: set pixels to "):
            model(batch)
    warned = [record.getMessage() for record in caplog.records if "of a batch of images lie in" in record.getMessage()]
    assert len(warned) == (fed == "0-1" != pixels), "once"


@torch.no_grad()
@pytest.mark.parametrize("value", [0.0, 255.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pixels", FED)
def test_black_and_white_batches_are_taken(pixels, dtype, value, encoder, caplog):
    """In bfloat16, ImageNet's white is a little more than the formula says."""
    warn_once.cache_clear()
    batch = FED[pixels](torch.full((2, 3, *encoder.input_size), value)).to(dtype)
    features = EncoderModule(encoder, BY_NAME[pixels])(batch)
    assert features.isfinite().all() and not caplog.records


def test_what_is_no_batch_of_images_is_refused(encoder):
    model = EncoderModule(encoder, "inside")
    for wrong in (torch.zeros(3, 128, 64), torch.zeros(1, 1, 128, 64), torch.zeros(1, 3, 128, 64).byte(), [1]):
        with pytest.raises(InputError, match="expected a tensor"):
            model(wrong)
    with pytest.raises(InputError, match="the pixels is 'bgr'; expected 0-255 or 0-1 or imagenet"):
        dcac_fastreid.load_encoder("none.pth", "bgr")


@torch.no_grad()
@pytest.mark.parametrize("again", ["copy", "deepcopy", "torch.save"])
def test_a_copy_gives_the_same_features(again, checkpoint, images, tmp_path):
    model = dcac_fastreid.load_encoder(checkpoint, "0-255", device="cpu")
    if again == "torch.save":
        torch.save(model, tmp_path / "module.pt")
        copied = torch.load(tmp_path / "module.pt", weights_only=False)
    else:
        copied = getattr(copy, again)(model)
    assert copied is not model and not copied.training and copied.input_size == model.input_size
    assert torch.equal(copied(images[1]), model(images[1]))


def test_it_moves_and_learns(checkpoint, images):
    """ "meta" computes shapes alone, and minds where every tensor lies."""
    model = dcac_fastreid.load_encoder(checkpoint, "0-255", device="cpu")
    features = model(images[1])
    features.sum().backward()
    torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    assert any(weight.grad is not None for weight in model.parameters())
    moved = model.features.to("meta")
    assert moved(torch.empty(2, 3, 128, 64, device="meta")).shape == (2, 128)


@torch.no_grad()
def test_fine_patterns_are_resized_as_pillow_does_it(extract, encoder):
    """Without antialiasing they would be other patterns."""
    noise = np.random.default_rng(0).integers(0, 256, (4, 500, 240, 3), dtype=np.uint8)
    noise[:, :, ::3] //= 4
    found = EncoderModule(encoder, "inside")(torch.from_numpy(noise).permute(0, 3, 1, 2).float())
    assert (found * extract(noise)).sum(1).min() > 0.999
