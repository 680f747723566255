"""Features of pictures with a trained encoder: FeatureExtractor. n pictures, D feature width."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from dcac_fastreid.arguments import as_choice, as_count
from dcac_fastreid.deploy.encoder import load_encoder, unit_features
from dcac_fastreid.deploy.images import ImageInput, as_list, encoder_input
from dcac_fastreid.errors import InputError

PRECISIONS = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


class FeatureExtractor:
    """Pictures in, features out; of the checkpoint alone.

        extract = dcac_fastreid.FeatureExtractor("logs/ma_ms/model_final.pth")
        features = extract(["a.jpg", "b.jpg"])  # (2, D), rows of length 1
        similarity = features[0] @ features[1]

    The features are those of fast-reid's own test, without TEST.FLIP, at length 1.

    Args:
        checkpoint: a run's model_final.pth, a checkpoint of fast-reid's own, or an exported encoder.safetensors.
        device: None for the GPU where there is one, else the CPU.
        batch_size: pictures that the encoder takes at a time.
        precision: "fp32"; "bf16"; or, on a GPU, "fp16".
        config_file: for a checkpoint that carries no config and has none beside it.
    Raises: InputError: as load_encoder; a batch size below 1, a precision that is not known or cannot be computed.
    """

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
        self.encoder = load_encoder(checkpoint, device, config_file)
        if precision == "fp16" and self.encoder.device.type == "cpu":
            raise InputError("fp16 needs a GPU; take fp32 or bf16 on the CPU")
        self.batch_size, self.precision = batch_size, precision

    @torch.no_grad()
    def __call__(self, pictures: ImageInput | Iterable[ImageInput], progress: str = "") -> Tensor:
        """Features (n, D), float32, rows of length 1, on the CPU.

        Args:
            pictures: one or a list, of any sizes and kinds: path; PIL picture; array (H, W, 3), uint8, RGB; tensor
                (3, H, W), RGB in [0, 255], uint8 of any size or float of the encoder's input size. Arrays and tensors also
                with a batch dimension before these.
            progress: what a progress bar calls the pictures; "" for no bar.
        Raises: InputError: a picture that is not there or cannot be read, an array or tensor of another kind, or features that
            are not finite.
        """
        pictures = as_list(pictures)
        features = torch.empty(len(pictures), self.encoder.feature_width)
        autocast = torch.autocast(
            self.encoder.device.type, dtype=PRECISIONS[self.precision], enabled=self.precision != "fp32"
        )
        bar = tqdm(total=len(pictures), desc=progress, unit="picture", disable=None if progress else True, leave=False)
        done = 0
        with bar, autocast:
            for images in self._batches(pictures):
                found = self.encoder.model({"images": images.to(self.encoder.device)})
                features[done : done + len(images)] = unit_features(found, self.encoder.file)
                done += len(images)
                bar.update(len(images))
        return features

    def _batches(self, pictures: list[ImageInput]) -> Iterator[Tensor]:
        """The next batch is decoded while the encoder is at work on one; never more than two are kept."""

        def load(picture: ImageInput) -> Tensor:
            return encoder_input(picture, self.encoder.transform, self.encoder.input_size)

        with ThreadPoolExecutor() as pool:  # Pillow decodes and resizes outside of Python's lock
            before = None
            for begin in range(0, len(pictures), self.batch_size):
                loading = [pool.submit(load, picture) for picture in pictures[begin : begin + self.batch_size]]
                if before:
                    yield torch.stack([each.result() for each in before])
                before = loading
            if before:
                yield torch.stack([each.result() for each in before])
