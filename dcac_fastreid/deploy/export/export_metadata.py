"""What an exported file tells about itself: how to feed it, where it comes from, under which terms it stands."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from dcac_fastreid.data import shipped_weights
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.export.exported_program import FEATURES, IMAGES
from dcac_fastreid.deploy.export.origin import Origin, origin_of
from dcac_fastreid.deploy.pixels import IMAGENET, INSIDE, OUTSIDE, ZERO_TO_ONE, pixels_of
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.engine.versions import describe_versions

LIBRARIES = ("onnx", "onnxruntime", "onnxscript")  # besides those that describe_versions names
OWN_PHOTOS = "PersonFolders"
RESEARCH = "Re-ID data sets are mostly given for research alone: ask their owners before any other use"
OF_OTHERS = (
    "programs that prepare the pixels as told here; trackers feed others (boxmot, Ultralytics: values from 0 to 1, or "
    "normalised by ImageNet's mean) and would see no difference between people: dcac-fastreid export --for writes files for them"
)
# What comes after the values from 0 to 255, by the name of the pixels.
AFTERWARDS = {
    INSIDE: [],
    OUTSIDE: ["minus pixel_mean, then divided by pixel_std, channel by channel"],
    ZERO_TO_ONE: ["divided by 255"],
    IMAGENET: ["divided by 255, minus ImageNet's mean, divided by its deviation, channel by channel"],
}
TERMS_HOLD_ON = (
    "the terms of those weights hold on; OpenAI's CLIP is under MIT, Stable Diffusion 1.5 under CreativeML OpenRAIL-M, whose "
    "restrictions of use also bind what is derived from it"
)


def describe_export(
    encoder: Encoder,
    pixels: str,
    *,
    consumer: str = "",
    precision: str = "fp32",
    data_license: str = "",
    weights_license: str = "",
) -> dict[str, str]:
    """Text by name; what is no text in itself is JSON. No path of the machine.

    Args:
        pixels: that the file is fed with, a name of pixels.py.
        precision: of the file: fp32, fp16 or int8.
        consumer: the program that the file is for; "" for none of those that feed pixels of their own.
        data_license, weights_license: as whoever exports states them; "": the metadata say that nobody did, and what the
            run metadata of the training tell about the data and the weights that it began with.
    Raises: InputError: the stamp.json beside the checkpoint cannot be read.
    """
    height, width = encoder.input_size
    origin = origin_of(encoder.file, sha256=encoder.sha256, data_license=data_license, weights_license=weights_license)
    model, metadata = encoder.cfg.MODEL, origin.run
    fed = pixels_of(pixels, model.PIXEL_MEAN, model.PIXEL_STD)
    return {
        "input": f"{IMAGES}: float32 (batch, 3, {height}, {width}), {fed.words}",
        "output": f"{FEATURES}: float32 (batch, {encoder.feature_width}), after the BNNeck, of unit length: compare by dot product",
        "input_size": json.dumps([height, width]),
        "preparation": preprocessing(encoder.cfg.INPUT, pixels),
        "image": image_form(encoder, pixels),
        "made_for": consumer or OF_OTHERS,
        "precision": precision,
        "normalization": OUTSIDE if pixels == OUTSIDE else INSIDE,
        "pixel_mean": json.dumps(list(model.PIXEL_MEAN)),
        "pixel_std": json.dumps(list(model.PIXEL_STD)),
        "feature_width": str(encoder.feature_width),
        "architecture": f"{model.META_ARCHITECTURE}, {model.BACKBONE.NAME}",
        "checkpoint": encoder.file.name,
        "checkpoint_sha256": encoder.sha256,
        "selected_on_test_sets": json.dumps(encoder.selected_on),
        "trained_on": json.dumps(metadata.get("sources")),
        "drawn_world": json.dumps(metadata.get("drawn_world")),
        "trained_from": json.dumps(metadata.get("weights")),
        "data_license": data_terms(origin),
        "weights_license": weights_terms(origin),
        "versions": json.dumps({**describe_versions(), **{name: _version(name) for name in LIBRARIES}}),
    }


def image_form(encoder: Encoder, pixels: str) -> str:
    """The same as `preprocessing` for a program, JSON: {size, resize, mean, std}: RGB resized by Pillow to the size (H, W), then
    (value in [0, 255] - mean) / std. null where images are also cut, or keep their proportions.
    """
    model, size = encoder.cfg.MODEL, list(encoder.cfg.INPUT.SIZE_TEST)
    if encoder.cfg.INPUT.CROP.ENABLED or len(size) != 2:
        return json.dumps(None)
    fed = pixels_of(pixels, model.PIXEL_MEAN, model.PIXEL_STD)
    return json.dumps({"size": size, "resize": encoder.cfg.INPUT.TEST_INTERPOLATION, "mean": fed.mean, "std": fed.std})


def preprocessing(cfg, pixels: str) -> str:
    """What fast-reid's test transform does with an image, for whoever has not got it. Args: pixels: as describe_export's."""
    size, steps = cfg.SIZE_TEST, []
    if size[0] > 0:
        to = f"the shorter side to {size[0]}" if len(size) == 1 else f"to {size[0]} x {size[1]} (height x width)"
        steps.append(f"resize {to}, {cfg.TEST_INTERPOLATION}, antialiased as Pillow does it")
    if cfg.CROP.ENABLED:
        steps.append(f"cut out the middle, {cfg.CROP.SIZE[0]} x {cfg.CROP.SIZE[-1]}")
    steps.append("RGB, float32 values from 0 to 255 (not 0 to 1), channels first")
    steps += AFTERWARDS[pixels]
    return "; ".join(steps)


def data_terms(origin: Origin) -> str:
    """The terms of the training data as they are stated; else what is known of them."""
    if origin.data_license:
        return origin.data_license
    metadata = origin.run
    if origin.released:
        return f"not stated; {origin.released} does not tell the training data; {RESEARCH}"
    if metadata.get("drawn_world"):
        names = ", ".join(metadata.get("sources") or [])
        return (
            f"not stated; trained on {names} of a synthetic data set of dcac_fastreid, whose images show no real person"
        )
    if metadata.get("sources") == [OWN_PHOTOS]:
        return "not stated; trained on own photos, whose terms are to be stated by whoever has them; see --data-license"
    sources = [
        f"{name} ({KNOWN_DATASETS[name].source if name in KNOWN_DATASETS else 'source unknown here'})"
        for name in metadata.get("sources") or []
    ]
    trained = (
        f"trained on {', '.join(sources)}"
        if sources
        else f"no run metadata ({RUN_METADATA}) beside the checkpoint tell the training data"
    )
    return f"not stated; {trained}; {RESEARCH}"


def weights_terms(origin: Origin) -> str:
    """The terms of the weights as they are stated; else what is known of those that the training began with."""
    if origin.weights_license:
        return origin.weights_license
    metadata = origin.run
    if origin.released:
        return (
            f"not stated; converted from {origin.released}: the terms under which it was released hold on, and those of the "
            "weights that its training began with"
        )
    began = [f"{part}: {', '.join(files)}" for part, files in (metadata.get("weights") or {}).items()]
    if "weights" not in metadata:
        return (
            f"not stated; no run metadata ({RUN_METADATA}) beside the checkpoint tell which weights its training began with; "
            f"{TERMS_HOLD_ON}"
        )
    if not began:
        return "not stated; trained from random weights"
    if all(map(_ships_with_the_package, metadata["weights"].values())):
        return "not stated; the training began with small parts of dcac_fastreid, which were trained only on synthetic images"
    return f"not stated; the training began with {'; '.join(began)}; {TERMS_HOLD_ON}"


def _ships_with_the_package(files: Mapping[str, str | None]) -> bool:
    weights = [sha256 for name, sha256 in files.items() if name.endswith(".safetensors")]
    return bool(weights) and set(weights) <= set(shipped_weights().values())


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
