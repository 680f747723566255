"""The file of an index: features, names of the photos and what computed them, tied together. N photos, D feature width.

index.safetensors holds two tensors: "features", (N, D), float32, rows of length 1, in the order of the photos; and "content", the
bytes of a JSON document with version and checksum (see `sealed_json`), which tells all else, the features' own checksum
included. One file: features of one index beside the names of another cannot be, nor half of a copy, nor a table that a
spreadsheet has sorted. Any reader of safetensors opens it, and json.loads(bytes(tensors["content"])) reads the document.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypedDict

import numpy as np
from filelock import FileLock

from dcac_fastreid.deploy.checkpoint_extractor import PRECISIONS
from dcac_fastreid.deploy.encoder import Identity
from dcac_fastreid.deploy.schema import Count, Must, Sha256
from dcac_fastreid.deploy.search.cameras_and_times import LONGEST, camera_of, is_camera, is_time, time_of
from dcac_fastreid.deploy.search.sealed_json import Unusable, sealed, unsealed
from dcac_fastreid.output_files import left_unfinished, write_whole
from dcac_fastreid.waiting import held

FILE = "index.safetensors"
FORMAT, VERSION = "dcac_fastreid index", 2
FEATURES, CONTENT = "features", "content"
# float32 sums of some thousand squares err by less than 1e-5; rows of another length are no features of ours.
LENGTH_ERROR = 1e-3


def _leads_below(path: str) -> bool:
    return all(part not in ("", ".", "..") for part in path.split("/")) and "\0" not in path and _is_name(path)


def _is_name(path: str) -> bool:
    try:
        os.fsencode(path)
    except ValueError:  # letters that no file name has
        return False
    return True


Below = Annotated[str, Must("a path below the folder of the photos, without ..", _leads_below)]
Place = Annotated[
    str, Must("an absolute path", lambda path: path.startswith("/") and "\0" not in path and _is_name(path))
]
Modified = Annotated[int, Must("nanoseconds since 1970 in 64 bits", lambda number: -(2**63) <= number < 2**63)]
Camera = Annotated[str, Must(f"the name of a camera, of {LONGEST} letters at most", is_camera)]
Time = Annotated[int, Must("milliseconds since 1970, in the years 1 to 9999", is_time)]


class ContentOfVersion1(TypedDict):
    """The last four have an item for each photo, in the order of the features; all else as extract_folder tells it."""

    encoder: Identity
    selected_on: list[str]
    precision: Annotated[str, Must(f"one of {', '.join(PRECISIONS)}", lambda name: name in PRECISIONS)]
    pictures: Place
    checkpoint_file: Place
    config_file: Place | None
    versions: dict[str, str | None]
    unreadable: list[Below]
    features_sha256: Sha256
    paths: Annotated[list[Below], Must("one photo or more, each once", lambda paths: 0 < len(paths) == len(set(paths)))]
    bytes: list[Count]
    modified: list[Modified]
    sha256: list[Sha256]


class Content(ContentOfVersion1):
    """Version 2. removed, removed_sha256: what `search remove` has taken out, and an update does not take in again.

    removed: paths. removed_sha256: contents of files, whatever their paths are now.
    cameras, times: an item for each photo, see cameras_and_times.
    """

    removed: list[Below]
    removed_sha256: list[Sha256]
    cameras: list[Camera | None]
    times: list[Time | None]


FORMS = {1: ContentOfVersion1, VERSION: Content}
COLUMNS = ("paths", "bytes", "modified", "sha256", "cameras", "times")  # an item for each photo


@contextmanager
def being_changed(folder: Path) -> Iterator[None]:
    """While no other process changes the index in a folder; what a killed one has left beside it is deleted."""
    with held(FileLock(folder / f"{FILE}.lock"), f"changing the index {folder}"):
        for remains in left_unfinished(folder, FILE):
            remains.unlink(missing_ok=True)
        yield


def write_index_file(folder: Path, features: np.ndarray, content: dict) -> None:
    """Args: content: as Content, without features_sha256. Raises InputError where the file cannot be written."""
    from safetensors.numpy import save

    features = np.ascontiguousarray(features, dtype=np.float32)
    document = sealed(FORMAT, VERSION, {**content, "features_sha256": _sha256(features)})
    data = save({FEATURES: features, CONTENT: np.frombuffer(document, dtype=np.uint8)})
    write_whole(folder / FILE, lambda stream: stream.write(data))


def read_index_file(folder: Path) -> tuple[np.ndarray, Content]:
    """features (N, D) and what is told of them. Raises: Unusable: damaged, of another version, or no index."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / FILE, framework="numpy") as file:
            if set(file.keys()) != {FEATURES, CONTENT}:
                raise Unusable(f"is no index: it holds {_listed(file.keys())}")
            (shape, kind), (_, content_kind) = (
                (part.get_shape(), part.get_dtype()) for part in map(file.get_slice, (FEATURES, CONTENT))
            )
            if (kind, len(shape), content_kind) != ("F32", 2, "U8"):
                raise Unusable(f"is no index: its features are {kind} of {shape}, its content {content_kind}")
            features, document = file.get_tensor(FEATURES), file.get_tensor(CONTENT).tobytes()
    except SafetensorError as error:
        raise Unusable(f"is damaged or cut off: {error}") from error
    content = _of_today(unsealed(document, FORMAT, FORMS))
    _check(features, content)
    return features, content


def _of_today(content: ContentOfVersion1 | Content) -> Content:
    if "cameras" in content:
        return content
    paths = content["paths"]
    columns = {"cameras": [*map(camera_of, paths)], "times": [*map(time_of, paths)]}
    return {**content, "removed": [], "removed_sha256": [], **columns}


def _check(features: np.ndarray, content: Content) -> None:
    expected = len(content["paths"]), content["encoder"]["feature_width"]
    others = {name: len(content[name]) for name in COLUMNS[1:]}
    if features.shape != expected or set(others.values()) != {expected[0]}:
        raise Unusable(
            f"does not agree with itself: features of {' x '.join(map(str, features.shape))}, expected "
            f"{' x '.join(map(str, expected))}; {', '.join(f'{name} of {count}' for name, count in others.items())}"
        )
    if _sha256(features) != content["features_sha256"]:
        raise Unusable("is damaged: its features are not those that its content belongs to")
    squares = np.einsum("nd,nd->n", features, features)
    if not (np.abs(squares - 1) <= 2 * LENGTH_ERROR).all():  # also where a number is NaN or infinite
        raise Unusable("is not as it should be: it has features that are not of length 1")


def _sha256(features: np.ndarray) -> str:
    return hashlib.sha256(features.ravel()).hexdigest()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:5])[:100] or "nothing"
