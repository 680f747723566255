"""What an exported file tells about itself: how to feed it, where it comes from, under which terms it stands."""

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from dcac_fastreid.data.known_datasets import KNOWN_DATASETS
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.exported_program import FEATURES, IMAGES, INSIDE
from dcac_fastreid.engine.stamp import FILE as STAMP
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.errors import InputError

LIBRARIES = ("onnx", "onnxruntime", "onnxscript")  # besides those that describe_versions names
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
            stamp of the training tells about the data and the weights that it began with.
    Raises: InputError: the stamp.json beside the checkpoint cannot be read.
    """
    height, width = encoder.input_size
    model, stamp = encoder.cfg.MODEL, _stamp(encoder)
    pixels = "RGB in [0, 255]" if normalization == INSIDE else "RGB, (value in [0, 255] - pixel_mean) / pixel_std"
    return {
        "input": f"{IMAGES}: float32 (batch, 3, {height}, {width}), {pixels}",
        "output": f"{FEATURES}: float32 (batch, {encoder.feature_width}), after the BNNeck, of unit length: compare by dot product",
        "input_size": json.dumps([height, width]),
        "preparation": " ".join(str(encoder.transform).split()),
        "normalization": normalization,
        "pixel_mean": json.dumps(list(model.PIXEL_MEAN)),
        "pixel_std": json.dumps(list(model.PIXEL_STD)),
        "feature_width": str(encoder.feature_width),
        "architecture": f"{model.META_ARCHITECTURE}, {model.BACKBONE.NAME}",
        "checkpoint": encoder.file.name,
        "checkpoint_sha256": encoder.sha256,
        "selected_on_test_sets": json.dumps(encoder.selected_on),
        "trained_on": json.dumps(stamp.get("sources")),
        "drawn_world": json.dumps(stamp.get("drawn_world")),
        "trained_from": json.dumps(stamp.get("weights")),
        "data_license": data_license or _data_terms(stamp),
        "weights_license": weights_license or _weights_terms(stamp),
        "versions": json.dumps({**describe_versions(), **{name: _version(name) for name in LIBRARIES}}),
    }


def _stamp(encoder: Encoder) -> Mapping:
    """That of the run which wrote the checkpoint; empty where none lies beside it."""
    file = encoder.file.with_name(STAMP)
    if not file.is_file():
        return {}
    try:
        stamp = json.loads(file.read_text())
    except ValueError as error:  # cut off, or no text
        raise InputError(
            f"{file} cannot be read as JSON ({error}); remove it, then the export tells no origin"
        ) from error
    return stamp if isinstance(stamp, dict) else {}


def _data_terms(stamp: Mapping) -> str:
    if stamp.get("drawn_world"):
        names = ", ".join(stamp.get("sources") or [])
        return f"not stated; trained on {names} of a drawn world of dcac_fastreid, whose pictures show no real person"
    sources = [
        f"{name} ({KNOWN_DATASETS[name].source if name in KNOWN_DATASETS else 'source unknown here'})"
        for name in stamp.get("sources") or []
    ]
    trained = (
        f"trained on {', '.join(sources)}" if sources else f"no {STAMP} beside the checkpoint tells the training data"
    )
    return f"not stated; {trained}; {RESEARCH}"


def _weights_terms(stamp: Mapping) -> str:
    began = [f"{part}: {', '.join(files)}" for part, files in (stamp.get("weights") or {}).items()]
    if "weights" not in stamp:
        return f"not stated; no {STAMP} beside the checkpoint tells the weights that its training began with; {TERMS_HOLD_ON}"
    if not began:
        return "not stated; trained from random weights"
    return f"not stated; the training began with {'; '.join(began)}; {TERMS_HOLD_ON}"


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
