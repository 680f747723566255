"""An exported ONNX file: how it wants its images, and its features. B images, (H, W) input size, D feature width."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from dcac_fastreid.arguments import as_path
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable

INSTALL = "pip install onnxruntime"
EXPORT = "make it by dcac-fastreid export"
RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


class OnnxEncoder:
    """The file, open, and what its metadata say.

    Attributes: file; input_size: (H, W); feature_width: D; metadata: all of them, text by name.
    Raises: InputError: no such file, no ONNX file, or none that this package exported. ImportError: onnxruntime is not there.
    """

    def __init__(self, file: str | os.PathLike, device: str | None = None):
        self.file = as_path(file, "the ONNX file")
        if not self.file.is_file():
            raise InputError(f"there is no file {printable(self.file)}; {EXPORT}")
        self._device, self._session = device, _session(self.file, device)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        try:
            told = json.loads(self.metadata["image"])
            height, width = told["size"]
            self.input_size = int(height), int(width)
            self._resampling = RESAMPLING[told["resize"]]
            mean, std = (np.array(told[name], dtype=np.float32).reshape(3, 1, 1) for name in ("mean", "std"))
            self.feature_width = int(self.metadata["feature_width"])
            self._input, self._output = inputs[0].name, outputs[0].name
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(
                f"{printable(self.file)} does not say what images it takes, as an encoder does that this package has exported and "
                f"that resizes each image to one size; {EXPORT}"
            ) from error
        self._mean, self._std = mean, std
        # A file for one batch size takes no other: its batches are filled up.
        self.fixed_batch = inputs[0].shape[0] if isinstance(inputs[0].shape[0], int) else None

    def __reduce__(self):
        """A session can be neither copied nor pickled: a copy opens the file again, which must still be there."""
        return OnnxEncoder, (self.file, self._device)

    def prepared(self, image: Image.Image) -> np.ndarray:
        """(3, H, W), float32, of an RGB image of any size: resized by Pillow, as in the test, then what the file is fed with."""
        height, width = self.input_size
        resized = image.resize((width, height), self._resampling)
        pixels = np.asarray(resized, dtype=np.float32).transpose(2, 0, 1)
        return (pixels - self._mean) / self._std

    def features(self, images: np.ndarray) -> np.ndarray:
        """(B, 3, H, W), as `prepared`, to (B, D), rows of length 1. Raises: InputError: features that are no numbers, or zero."""
        step = self.fixed_batch or len(images)
        parts = [self._run(images[begin : begin + step]) for begin in range(0, len(images), step)]
        features = np.concatenate(parts).astype(np.float32)
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise InputError(
                f"{printable(self.file)} gives features that are no finite numbers, or zero; export it again"
            )
        return features / lengths

    def _run(self, images: np.ndarray) -> np.ndarray:
        missing = (self.fixed_batch or len(images)) - len(images)
        filled = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
        return self._session.run([self._output], {self._input: filled})[0][: len(images)]


def _session(file: Path, device: str | None):
    onnxruntime = _onnxruntime()
    available = onnxruntime.get_available_providers()
    if device not in (None, "cpu", "cuda"):
        raise InputError(f"the device is {device!r}; expected cuda or cpu")
    cuda = "CUDAExecutionProvider" in available
    if device == "cuda" and not cuda:
        raise InputError("the device is cuda, but this onnxruntime has no CUDA; install onnxruntime-gpu, or take cpu")
    providers = ["CUDAExecutionProvider"] if cuda and device != "cpu" else []
    try:
        return onnxruntime.InferenceSession(str(file), providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(
            f"onnxruntime {onnxruntime.__version__} cannot read {printable(file)} ({reason}); {EXPORT}"
        ) from error


def _onnxruntime():
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"an ONNX file needs onnxruntime, which cannot be imported ({error}); {INSTALL}") from error
    return onnxruntime
