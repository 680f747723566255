"""An encoder as an ordinary module of PyTorch, for libraries that take one. B images, D feature width."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dcac_fastreid.arguments import as_choice
from dcac_fastreid.deploy.encoder import Encoder, open_encoder
from dcac_fastreid.deploy.pixels import FIXED, IMAGENET, INSIDE, ZERO_TO_ONE, Pixels
from dcac_fastreid.deploy.unit_features import UnitFeatures
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_once

NAMES = {INSIDE: "0-255", ZERO_TO_ONE: "0-1", IMAGENET: "imagenet"}  # as they are called here, where all is inside
BY_NAME = {name: pixels for pixels, name in NAMES.items()}
ROUNDING = 1e-3  # of a value in [0, 255]


def load_encoder(
    checkpoint: str | Path,
    pixels: str = "imagenet",
    device: str | torch.device | None = None,
    config_file: str | Path | None = None,
) -> nn.Module:
    """The encoder as a module: images (B, 3, H, W) to features (B, D) of length 1.

        model = dcac_fastreid.load_encoder("logs/ma_ms/model_final.pth")
        features = model(images)

    For libraries that take any module, such as wildlife-tools and Roboflow's reid: they resize and normalise the images by a
    transform of their own. Images of another size than the encoder's are resized inside, bicubic and antialiased, as Pillow does
    it to less than one of 255 steps. A batch whose values cannot be what `pixels` says is refused; one that looks like `0-1` is
    warned of, once.

    Args:
        checkpoint, config_file: as FeatureExtractor's.
        pixels: what the images are: "imagenet", in [0, 1] and then normalised by ImageNet's mean and deviation, as most
            transforms of such libraries end; "0-1"; or "0-255". Always RGB.
        device: None for the GPU where there is one, else the CPU; the module can be moved.
    Raises: InputError: no such file, no checkpoint, no config, or another word for the pixels.
    """
    as_choice(pixels, "the pixels", BY_NAME)
    encoder = open_encoder(checkpoint, device, config_file)
    return EncoderModule(encoder, BY_NAME[pixels])


class EncoderModule(nn.Module):
    """input_size, feature_width: as Encoder's. Gradients flow, where nobody forbids it; in evaluation mode at first."""

    def __init__(self, encoder: Encoder, pixels: str):
        super().__init__()
        self.input_size, self.feature_width = encoder.input_size, encoder.feature_width
        self._pixels, self._name = FIXED[pixels], NAMES[pixels]
        self._mode = encoder.cfg.INPUT.TEST_INTERPOLATION
        self.features = UnitFeatures(encoder.model, pixels)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Raises: InputError: no float (B, 3, H, W), or values that are not of these pixels."""
        if not torch.compiler.is_compiling():
            _check(images, self._pixels, self._name)
        if tuple(images.shape[2:]) != self.input_size:
            images = self._resized(images)
        return self.features(images)

    def _resized(self, images: Tensor) -> Tensor:
        """As Pillow: bicubic goes beyond the range of the values, and is cut off there."""
        size, mode = self.input_size, self._mode
        resized = functional.interpolate(images, size, mode=mode, align_corners=False, antialias=True)
        mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (self._pixels.mean, self._pixels.std))
        return (((resized * std + mean).clamp(0, 255)) - mean) / std


def _check(images: Tensor, pixels: Pixels, name: str) -> None:
    if not isinstance(images, Tensor) or not images.is_floating_point() or images.ndim != 4 or images.shape[1] != 3:
        got = f"{tuple(images.shape)}, {images.dtype}" if isinstance(images, Tensor) else type(images).__name__
        raise InputError(f"the images are {got}; expected a tensor (B, 3, H, W) of float")
    if not images.numel():
        return
    low, high = (value.item() for value in images.detach().aminmax())
    least = min((0 - mean) / std for mean, std in zip(pixels.mean, pixels.std, strict=True))
    most = max((255 - mean) / std for mean, std in zip(pixels.mean, pixels.std, strict=True))
    rounding = ROUNDING / min(pixels.std) + torch.finfo(images.dtype).eps * max(-least, most)
    if not (least - rounding <= low and high <= most + rounding):
        raise InputError(
            f"the images have values from {low:.3g} to {high:.3g}; expected {pixels.words}, as pixels={name!r} says: "
            f"set pixels to {' or '.join(repr(other) for other in BY_NAME if other != name)}, or change the transform"
        )
    if name != NAMES[ZERO_TO_ONE] and 0 <= low and 0 < high <= 1:  # possible, of a batch of one dark or grey colour
        warn_once(
            f"all values of a batch of images lie in [0, 1], and pixels={name!r} says {pixels.words}: if the transform gives "
            "values from 0 to 1, load the encoder with pixels='0-1', else its features are wrong"
        )
