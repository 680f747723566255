"""Features of images with a trained encoder: FeatureExtractor. n images, D feature width."""

import os
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from dcac_fastreid.deploy.encoder_files import ONNX

CLASSES = {
    "file": ("without_torch.onnx_extractor", "OnnxExtractor"),
    "checkpoint": ("checkpoint_extractor", "CheckpointExtractor"),
}


class FeatureExtractor:
    """Images in, features out; of the checkpoint alone, or of an exported ONNX file.

        extract = dcac_fastreid.FeatureExtractor("logs/ma_ms/model_final.pth")
        features = extract(["a.jpg", "b.jpg"])  # (2, D), rows of length 1
        similarity = features[0] @ features[1]

    The features are those of fast-reid's own test, without TEST.FLIP, at length 1. An exported file, "exported/encoder.onnx",
    gives the same features without PyTorch and fast-reid: it needs onnxruntime, NumPy and Pillow, and gives NumPy arrays.

    Args:
        checkpoint: a file, a folder, OWNER/NAME on the Hugging Face hub, or "synthetic": see encoder_file. Or what ends in .onnx.
        device: None for the GPU where there is one, else the CPU.
        batch_size: images that the encoder takes at a time.
        precision: "fp32"; "bf16"; or, on a GPU, "fp16". An ONNX file has its own.
        config_file: for a checkpoint that carries no config and has none beside it.
    Raises: InputError: no such file, no encoder; a batch size below 1, a precision that is not known or cannot be computed.
    """

    def __new__(cls, checkpoint=None, *arguments, **options):  # None: copy and pickle name a class, and no checkpoint
        if cls is FeatureExtractor:
            onnx = isinstance(checkpoint, str | os.PathLike) and os.fspath(checkpoint).endswith(ONNX)
            module, name = CLASSES["file" if onnx else "checkpoint"]
            cls = getattr(import_module(f"{__package__}.{module}"), name)  # late: one of the two needs PyTorch
        return super().__new__(cls)

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        device: Any = None,
        batch_size: int = 64,
        precision: str = "fp32",
        config_file: str | os.PathLike | None = None,
    ):
        """Of the one class or the other."""

    def __call__(self, images: Any | Iterable[Any], progress: str = "") -> Any:
        """Features (n, D), float32, rows of length 1: a tensor on the CPU; of an ONNX file an array.

        Args:
            images: one or a list, of any sizes and kinds: path; PIL image; array (H, W, 3), uint8, RGB; tensor
                (3, H, W), RGB in [0, 255], uint8 of any size or float of the encoder's input size (none for an ONNX file).
                Arrays and tensors also with a batch dimension before these.
            progress: what a progress bar calls the images; "" for no bar.
        Raises: InputError: an image that is not there or cannot be read, an array or tensor of another kind, or features that
            are not finite.
        """
        raise NotImplementedError
