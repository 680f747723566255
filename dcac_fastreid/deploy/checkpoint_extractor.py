"""Features of images by the encoder of a checkpoint, with PyTorch. n images, D feature width."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dcac_fastreid.arguments import as_choice, as_count
from dcac_fastreid.deploy.encoder import open_encoder, unit_features
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.images import ImageInput, encoder_input
from dcac_fastreid.deploy.without_torch.given_images import as_list
from dcac_fastreid.errors import InputError

PRECISIONS = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


class CheckpointExtractor(FeatureExtractor):
    """FeatureExtractor of a checkpoint, by PyTorch; its features are tensors, float32, on the CPU."""

    def __init__(
        self,
        checkpoint: str | Path,
        device: str | torch.device | None = None,
        batch_size: int = 64,
        precision: str = "fp32",
        config_file: str | Path | None = None,
    ):
        as_count(batch_size, "the batch size")
        as_choice(precision, "the precision", PRECISIONS)
        self.encoder = open_encoder(checkpoint, device, config_file)
        if precision == "fp16" and self.encoder.device.type == "cpu":
            raise InputError("fp16 needs a GPU; take fp32 or bf16 on the CPU")
        self.batch_size, self.precision = batch_size, precision

    @torch.no_grad()
    def __call__(self, images: ImageInput | Iterable[ImageInput], progress: str = "") -> Tensor:
        images = as_list(images)
        features = torch.empty(len(images), self.encoder.feature_width)
        autocast = torch.autocast(
            self.encoder.device.type, dtype=PRECISIONS[self.precision], enabled=self.precision != "fp32"
        )
        bar = tqdm(total=len(images), desc=progress, unit="image", disable=None if progress else True, leave=False)
        done = 0
        with bar, autocast:
            for batch in self._batches(images):
                found = self.encoder.model({"images": batch.to(self.encoder.device)})
                features[done : done + len(batch)] = unit_features(found, self.encoder.file)
                done += len(batch)
                bar.update(len(batch))
        return features

    def _batches(self, images: list[ImageInput]) -> Iterator[Tensor]:
        """The next batch is decoded while the encoder is at work on one; never more than two are kept."""

        def load(image: ImageInput) -> Tensor:
            return encoder_input(image, self.encoder.transform, self.encoder.input_size)

        with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside of Python's lock
            before = None
            for begin in range(0, len(images), self.batch_size):
                loading = [pool.submit(load, image) for image in images[begin : begin + self.batch_size]]
                if before:
                    yield torch.stack([each.result() for each in before])
                before = loading
            if before:
                yield torch.stack([each.result() for each in before])
