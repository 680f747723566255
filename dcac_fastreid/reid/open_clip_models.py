"""What open_clip knows by name, its models and their published weights: the only import of open_clip."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from torch import nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.garbage_collection import garbage_collection_paused
from dcac_fastreid.stand_ins import LateFunctions, in_the_place_of
from dcac_fastreid.tensor_files import is_torchscript

# Model configurations of ours beside open_clip's own, in its format: the small CLIP of the synthetic data set.
ARCHITECTURES = Path(__file__).parent / "clip_architectures"


def image_tower(arch: str, image_size: tuple[int, int]) -> tuple[nn.Module, int]:
    """The image tower of an open_clip model, random weights, on torch's current default device; and its feature width D.

    Args:
        image_size: (H, W) in pixels.
    Raises:
        InputError: unknown arch, a ResNet, or a size that the patches do not divide.
    """
    model = _config(arch)
    vision = {**model["vision_cfg"], "output_tokens": False}  # CoCa gives its tokens beside the feature
    if isinstance(vision.get("layers"), list):
        raise InputError(
            f"MODEL.CLIP.ARCH is {arch!r}, whose image tower is a ResNet; choose a ViT such as ViT-B-16-quickgelu"
        )
    trunk = vision.get("timm_model_name")
    if not trunk:
        _check_size(arch, image_size, vision.get("patch_size", 16))
        vision["image_size"] = image_size
    tower = import_open_clip().model._build_vision_tower(model["embed_dim"], vision, model.get("quick_gelu", False))
    if trunk:
        patches = getattr(tower.trunk, "patch_embed", None)
        if hasattr(patches, "patch_size"):
            _check_size(arch, image_size, patches.patch_size[0])
        tower.set_input_size(image_size)
    return tower, model["embed_dim"]


def names_tag(arch: str, name: str) -> bool:
    """Whether `name` is a tag of published weights of the arch, such as laion2b_s34b_b88k; a path is none."""
    return bool(name) and Path(name).name == name and not Path(name).suffix and name in _tags(arch)


def weights_file(arch: str, name: str) -> str:
    """The file of CLIP's weights that MODEL.BACKBONE.PRETRAIN_PATH names: itself, or a tag's, downloaded by open_clip.

    Raises:
        FileNotFoundError: neither a file nor a tag of the arch.
        InputError: weights of another activation than the arch's, or a tag that cannot be downloaded.
    """
    quick = bool(_config(arch).get("quick_gelu"))
    if Path(name).is_file():
        # OpenAI alone published such archives, all with QuickGELU: with GELU the features would be wrong without a word.
        if not quick and is_torchscript(name):
            raise InputError(_other_activation(arch, name))
        return name
    if not names_tag(arch, name):
        known = ", ".join(_tags(arch)) or "none"
        raise FileNotFoundError(
            f"MODEL.BACKBONE.PRETRAIN_PATH names {name!r}, which is no file and no tag of {arch} in open_clip (known: {known})"
        )
    published = import_open_clip().get_pretrained_cfg(arch, name)
    if published.get("quick_gelu", False) and not quick:
        raise InputError(_other_activation(arch, name))
    try:
        return import_open_clip().download_pretrained(published)
    except Exception as error:  # what fails without a network differs from library to library
        source = published.get("hf_hub") or published.get("url")
        raise InputError(
            f"the weights {name!r} of {arch} could not be downloaded ({str(error).splitlines()[0]}); get them from {source} "
            "on a machine that is online, and name the file in MODEL.BACKBONE.PRETRAIN_PATH"
        ) from error


def pixel_statistics(arch: str, weights: str) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, in 0..255, of the images that a model was trained on.

    Args:
        weights: MODEL.BACKBONE.PRETRAIN_PATH. A tag has its own; of a file only the arch is known.
    Raises:
        InputError: unknown for this arch, or not the same for all its published weights.
    """
    tags = [weights] if names_tag(arch, weights) else _tags(arch)
    known = {
        (tuple(cfg["mean"]), tuple(cfg["std"]))
        for cfg in (import_open_clip().get_pretrained_cfg(arch, t) for t in tags)
    }
    if len(known) != 1:
        why = "open_clip lists no weights of it" if not known else "its published weights differ in them"
        raise InputError(
            f"the pixels' mean and standard deviation do not follow from MODEL.CLIP.ARCH {arch} ({why}); "
            "set MODEL.PIXEL_MEAN and MODEL.PIXEL_STD"
        )
    mean, std = known.pop()
    return [255 * value for value in mean], [255 * value for value in std]


def import_open_clip() -> ModuleType:
    """open_clip, with the model configurations of ARCHITECTURES beside its own.

    Raises: ImportError: it is missing or broken.
    """
    try:
        with garbage_collection_paused(), _timm_late():
            import open_clip  # a second or two: it drags in transformers
    except ImportError as error:
        raise ImportError(
            f"the CLIP backbone needs open_clip, which cannot be imported ({error}); install it with: pip install open_clip_torch"
        ) from error
    open_clip.add_model_config(ARCHITECTURES)
    return open_clip


@contextmanager
def _timm_late() -> Iterator[None]:
    """open_clip/timm_model.py:13 does `import timm` and imports four names of timm.layers, for the towers that timm makes.

    Until it ends, functions stand for them that import timm when they are called. timm and PyTorch's compiler, which it
    imports, are two thirds of the processor time of open_clip's import (open_clip 3.3, timm 1.0, PyTorch 2.14).
    """
    found = find_spec("timm") if sys.modules.keys().isdisjoint(("open_clip", "timm")) else None
    if not found:
        yield
        return
    timm, layers = LateFunctions("timm"), LateFunctions("timm.layers")
    timm.__spec__, timm.layers = found, layers
    with in_the_place_of("timm", timm), in_the_place_of("timm.layers", layers):
        yield


def _config(arch: str) -> Mapping:
    model = (
        None if ":" in arch else import_open_clip().get_model_config(arch)
    )  # "hf-hub:..." would fetch what a checkpoint names
    if model is None:
        raise InputError(
            f"MODEL.CLIP.ARCH is {arch!r}, which is no open_clip model; open_clip.list_models() lists them"
        )
    return model


def _tags(arch: str) -> list[str]:
    return import_open_clip().list_pretrained_tags_by_model(arch)


def _check_size(arch: str, image_size: tuple[int, int], patch: int) -> None:
    if any(side % patch for side in image_size):
        height, width = (max(1, round(side / patch)) * patch for side in image_size)
        raise InputError(
            f"the input size {image_size[0]} x {image_size[1]} must be a multiple of the patch size {patch} of {arch}; the "
            f"nearest is {height} x {width}: set INPUT.SIZE_TRAIN and INPUT.SIZE_TEST to [{height}, {width}]"
        )


def _other_activation(arch: str, name: str) -> str:
    return f"{name} was trained with QuickGELU, but MODEL.CLIP.ARCH {arch} has GELU; set it to {arch}-quickgelu"
