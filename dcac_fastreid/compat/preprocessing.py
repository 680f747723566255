"""A batch is normalised once, and stays as its owner made it."""

from collections.abc import Mapping

from torch import Tensor

from fastreid.modeling.meta_arch import MGN, Baseline

host_preprocess_image = Baseline.preprocess_image


def preprocess_image(self, batched_inputs: Mapping | Tensor) -> Tensor:
    """Images (B, 3, H, W) in [0, 255], of any type, to normalised ones on the model's device."""
    images = batched_inputs if isinstance(batched_inputs, Tensor) else batched_inputs["images"]
    return (images.to(self.device) - self.pixel_mean) / self.pixel_std


def normalise_out_of_place() -> None:
    """fastreid/modeling/meta_arch/baseline.py:130 and mgn.py:256 normalise the caller's own tensor.

    Any version. With TEST.FLIP.ENABLED evaluation/evaluator.py:120 then flips the normalised tensor and the model
    normalises it again: wrong features, no error. uint8 images: RuntimeError. MoCo and Distiller inherit Baseline's.
    """
    Baseline.preprocess_image = preprocess_image
    MGN.preprocess_image = preprocess_image
