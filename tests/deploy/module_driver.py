"""Features by a library that takes any module: LIBRARY LIST FEATURES.npy; wildlife-tools or reid, a JSON list of images.

A program of its own, in an environment that has the library.
"""

import json
import sys

import numpy as np
from PIL import Image
from torchvision import transforms

import dcac_fastreid


def wildlife_tools(model, images: list[str]) -> np.ndarray:
    from wildlife_tools.features import DeepFeatures

    transform = transforms.Compose(
        [
            transforms.Resize(model.input_size, transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    dataset = [(transform(Image.open(image).convert("RGB")), 0) for image in images]
    return DeepFeatures(model, batch_size=32, num_workers=0)(dataset)


def reid(model, images: list[str]) -> np.ndarray:
    from reid import ReIDModel, ReIDPreprocessing

    preparation = ReIDPreprocessing(input_size=model.input_size, interpolation="bicubic")
    encoder = ReIDModel.from_pretrained(architecture=model, preprocessing=preparation, device="cpu")
    return encoder.extract_embeddings_from_paths(images)


def reid_by_default(model, images: list[str]) -> np.ndarray:
    """Its own preparation: 256 x 128, bilinear."""
    from reid import ReIDModel

    return ReIDModel.from_pretrained(architecture=model, device="cpu").extract_embeddings_from_paths(images)


if __name__ == "__main__":
    library, file, features = sys.argv[1:]
    model = dcac_fastreid.load_encoder("synthetic", device="cpu")
    np.save(features, globals()[library](model, json.loads(open(file).read())))
