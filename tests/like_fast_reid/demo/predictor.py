"""The demo's neighbour."""

import torch
import torch.multiprocessing as mp

from fastreid.engine import DefaultPredictor

try:
    mp.set_start_method("spawn")
except RuntimeError:
    pass


class FeatureExtraction:
    def __init__(self, cfg):
        self.cfg = cfg
        self.predictor = DefaultPredictor(cfg)

    def run_on_image(self, image):
        """A PIL image."""
        import numpy as np

        height, width = self.cfg.INPUT.SIZE_TEST
        pixels = np.asarray(image.resize((width, height), 3), dtype="float32")
        return self.predictor(torch.as_tensor(pixels.transpose(2, 0, 1))[None])

    def run_on_loader(self, loader):
        for batch in loader:
            yield self.predictor(batch["images"]), batch["targets"].cpu().numpy(), batch["camids"].cpu().numpy()
