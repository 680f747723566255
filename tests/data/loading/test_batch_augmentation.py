import pytest
import torch
import torchvision.transforms.functional as TF
from PIL import Image

from dcac_fastreid.data.loading.augmentation_draws import Draw
from dcac_fastreid.data.loading.batch_augmentation import BatchAugmentation, why_not_on_batches

SIZE, PADDING, VALUE = (32, 16), 4, [191.25, 10.5, 0.0]


def noise(count):
    return torch.randint(0, 256, (count, 3, *SIZE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def as_host(image, draw, *, padding, value):
    """One image through torchvision's functions in the host's order, its padding to flipping on a PIL image."""
    image = Image.fromarray(image.permute(1, 2, 0).numpy())
    if padding:
        image = TF.crop(TF.pad(image, padding), draw.top, draw.left, *SIZE)
    if draw.flipped:
        image = TF.hflip(image)
    image = TF.pil_to_tensor(image).float()
    height, width = draw.erased_bottom - draw.erased_top, draw.erased_right - draw.erased_left
    if height:
        image = TF.erase(image, draw.erased_top, draw.erased_left, height, width, torch.tensor(value).view(-1, 1, 1))
    return image


@pytest.mark.parametrize("value", [VALUE, [7.5]])
@pytest.mark.parametrize("padding", [PADDING, 0])
def test_pixels_of_the_same_draws_are_the_hosts(padding, value):
    augmentation = BatchAugmentation(SIZE, padding=padding, flip=0.5, erase=0.5, value=value)
    images, draws = noise(40), augmentation.draw(40, seed=1)
    draws[:3] = [  # corners
        Draw(0, 0, False, 0, 0, 31, 15),
        Draw(2 * padding, 2 * padding, True, 31, 15, 32, 16),
        Draw(0, 2 * padding, True, 0, 0, 0, 0),
    ]
    before = images.clone()
    augmented = augmentation.apply(images, draws)
    assert augmented.dtype == torch.float32 and torch.equal(images, before)
    for image, draw, result in zip(images, draws, augmented, strict=True):
        assert torch.equal(result, as_host(image, draw, padding=padding, value=value))


@pytest.mark.parametrize("without", ["flip", "erase"])
def test_what_is_not_asked_for_is_not_done(without):
    settings = {"flip": 1.0, "erase": 1.0, without: None}
    augmentation = BatchAugmentation(SIZE, **settings, value=VALUE)
    images, draws = noise(8), augmentation.draw(8, seed=1)
    assert not any(draw.flipped if without == "flip" else draw.erased_bottom for draw in draws)
    expected = [as_host(image, draw, padding=0, value=VALUE) for image, draw in zip(images, draws, strict=True)]
    assert torch.equal(augmentation.apply(images, draws), torch.stack(expected))


def test_the_config_says_what_is_done(make_cfg):
    opts = ("INPUT.PADDING.SIZE", 3, "INPUT.FLIP.PROB", 0.2, "INPUT.REA.PROB", 0.9, "INPUT.REA.VALUE", [1.0, 2.0, 3.0])
    same = BatchAugmentation((128, 64), padding=3, flip=0.2, erase=0.9, value=[1.0, 2.0, 3.0])
    augmentation = BatchAugmentation.from_config(make_cfg("ma_ms.yml", *opts))
    images = torch.randint(0, 256, (6, 3, 128, 64), dtype=torch.uint8)
    draws = augmentation.draw(6, seed=2)
    assert draws == same.draw(6, seed=2)
    assert torch.equal(augmentation.apply(images, draws), same.apply(images, draws))
    off = [word for name in ("PADDING", "FLIP", "REA") for word in (f"INPUT.{name}.ENABLED", False)]
    nothing = BatchAugmentation.from_config(make_cfg("ma_ms.yml", *off))
    assert torch.equal(nothing.apply(images, nothing.draw(6, seed=2)), images.float())


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        *((f"INPUT.{name}.ENABLED", True, name) for name in ("AUTOAUG", "CROP", "CJ", "AFFINE", "AUGMIX", "RPT")),
        ("INPUT.PADDING.MODE", "reflect", "INPUT.PADDING.MODE reflect"),
        ("INPUT.SIZE_TRAIN", [128], "INPUT.SIZE_TRAIN"),
        ("INPUT.SIZE_TRAIN", [0, 0], "INPUT.SIZE_TRAIN"),
    ],
)
def test_what_cannot_be_done_is_named(make_cfg, key, value, reason):
    assert why_not_on_batches(make_cfg()) == ""
    assert reason in why_not_on_batches(make_cfg("ma_ms.yml", key, value))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_the_pixels_are_the_same_and_nothing_is_waited_for():
    settings = {"padding": PADDING, "flip": 0.5, "erase": 0.5, "value": VALUE}
    on_cpu, on_gpu = (BatchAugmentation(SIZE, **settings, device=device) for device in ("cpu", "cuda"))
    images, draws = noise(40), on_cpu.draw(40, seed=1)
    copied = images.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        augmented = on_gpu.apply(copied, draws)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(augmented.cpu(), on_cpu.apply(images, draws))
