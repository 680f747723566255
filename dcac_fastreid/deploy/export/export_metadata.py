"""What an exported file tells about itself: how to feed it, where it comes from, under which terms it stands."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from dcac_fastreid.data import shipped_weights
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.export.exported_program import FEATURES, IMAGES, INSIDE
from dcac_fastreid.deploy.export.origin import Origin, origin_of
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.engine.versions import describe_versions

LIBRARIES = ("onnx", "onnxruntime", "onnxscript")  # besides those that describe_versions names
OWN_PHOTOS = "PersonFolders"
RESEARCH = "Re-ID data sets are mostly given for research alone: ask their owners before any other use"
TERMS_HOLD_ON = (
    "the terms of those weights hold on; OpenAI's CLIP is under MIT, Stable Diffusion 1.5 under CreativeML OpenRAIL-M, whose "
    "restrictions of use also bind what is derived from it"
)


def describe_export(
    encoder: Encoder, normalization: str, *, data_license: str = "", weights_license: str = ""
) -> dict[str, str]:
    """Text by name; what is no text in itself is JSON. No path of the machine.

    Args:
        data_license, weights_license: as whoever exports states them; "": the metadata say that nobody did, and what the
            run metadata of the training tell about the data and the weights that it began with.
    Raises: InputError: the stamp.json beside the checkpoint cannot be read.
    """
    height, width = encoder.input_size
    origin = origin_of(encoder.file, sha256=encoder.sha256, data_license=data_license, weights_license=weights_license)
    model, metadata = encoder.cfg.MODEL, origin.run
    pixels = "RGB in [0, 255]" if normalization == INSIDE else "RGB, (value in [0, 255] - pixel_mean) / pixel_std"
    return {
        "input": f"{IMAGES}: float32 (batch, 3, {height}, {width}), {pixels}",
        "output": f"{FEATURES}: float32 (batch, {encoder.feature_width}), after the BNNeck, of unit length: compare by dot product",
        "input_size": json.dumps([height, width]),
        "preparation": preprocessing(encoder.cfg.INPUT, normalization),
        "normalization": normalization,
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


def preprocessing(cfg, normalization: str) -> str:
    """What fast-reid's test transform does with an image, for whoever has not got it."""
    size, steps = cfg.SIZE_TEST, []
    if size[0] > 0:
        to = f"the shorter side to {size[0]}" if len(size) == 1 else f"to {size[0]} x {size[1]} (height x width)"
        steps.append(f"resize {to}, {cfg.TEST_INTERPOLATION}, antialiased as Pillow does it")
    if cfg.CROP.ENABLED:
        steps.append(f"cut out the middle, {cfg.CROP.SIZE[0]} x {cfg.CROP.SIZE[-1]}")
    steps.append("RGB, float32 values from 0 to 255 (not 0 to 1), channels first")
    if normalization != INSIDE:
        steps.append("minus pixel_mean, then divided by pixel_std, channel by channel")
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
