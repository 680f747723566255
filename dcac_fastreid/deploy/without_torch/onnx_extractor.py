"""Features of images by an exported ONNX file, without PyTorch. n images, D feature width."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dcac_fastreid.arguments import as_count
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.without_torch.given_images import as_list, rgb_image
from dcac_fastreid.deploy.without_torch.onnx_encoder import OnnxEncoder
from dcac_fastreid.errors import InputError

CHECKPOINT = "take the checkpoint, or the folder that it was exported to"


class OnnxExtractor(FeatureExtractor):
    """FeatureExtractor of a file that ends in .onnx; its features are NumPy's."""

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        device: str | None = None,
        batch_size: int = 64,
        precision: str = "fp32",
        config_file: str | os.PathLike | None = None,
    ):
        as_count(batch_size, "the batch size")
        if precision != "fp32":
            raise InputError(f"the precision is {precision!r}, but an ONNX file has its own; export one by --precision")
        if config_file is not None:
            raise InputError("a config file is named for an ONNX file, which needs none; leave it out")
        self.onnx, self.batch_size = OnnxEncoder(checkpoint, device), batch_size

    @property
    def encoder(self):
        raise InputError(f"{self.onnx.file} gives features alone, and no index or calibration: {CHECKPOINT}")

    def __call__(self, images, progress: str = "") -> np.ndarray:
        images = as_list(images)
        features = np.empty((len(images), self.onnx.feature_width), dtype=np.float32)
        begins = range(0, len(images), self.batch_size)
        if progress:
            from tqdm import tqdm  # late: only commands ask for a bar, and they have it

            begins = tqdm(begins, desc=progress, unit="batch", disable=None, leave=False)
        with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside of Python's lock
            for begin in begins:
                batch = images[begin : begin + self.batch_size]
                prepared = list(pool.map(lambda image: self.onnx.prepared(rgb_image(image)), batch))
                features[begin : begin + len(batch)] = self.onnx.features(np.stack(prepared))
        return features
