"""Which images exactly does a data set have on this machine?"""

import hashlib
import os
from pathlib import Path

from dcac_fastreid.data.readers.dg_datasets import SPLITS, SYNTHETIC_MARK, VALIDATION
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS, LISTED_MASKED, LISTS
from dcac_fastreid.data.readers.person_folders import PersonFolders, cameras_known
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.validation import holds_out, training_items, validation_items
from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object
from dcac_fastreid.names import as_bytes


def describe_dataset(name: str, root: str, cfg=None) -> dict:
    """Folder below the data root, variant, numbers of identities, images and cameras by split, and a digest.

    The number of cameras is None where they are unknown, as PersonFolders tells; its variant then says how it is tested.

    The digest is a SHA-256 over split, file name below the data set's folder, and size in bytes, in sorted order: two
    copies with the same digest have the same images in the same splits, as far as names and sizes tell.

    Args:
        cfg: of a training on it. Where that needs validation identities, `train` is without them, and they are told as
            `validation`; the digest is the same.
    Raises: InputError: as `read_dataset`.
    """
    dataset = read_dataset(name, root)
    splits = {split: getattr(dataset, split) for split in SPLITS}
    counted = splits if cfg is None or not holds_out(cfg) else splits | _with_validation(cfg, name, root)
    folder = os.path.commonpath({os.path.dirname(item[0]) for items in splits.values() for item in items})
    return {
        "folder": os.path.relpath(folder, root),
        "variant": dataset.variant if isinstance(dataset, PersonFolders) else _variant(name, root),
        **{
            split: _counts(items) | ({} if cameras_known(dataset, split) else {"cameras": None})
            for split, items in counted.items()
        },
        "digest": _digest(splits, folder),
    }


def describe_synthetic(root: str) -> dict | None:
    """Version, seed and difficulty of the synthetic data set in a data root; None where the images are real.

    Raises: InputError: its mark is damaged.
    """
    mark = Path(root) / SYNTHETIC_MARK
    if not mark.exists():
        return None
    content = read_object(mark)
    if content is None:
        raise InputError(
            f"{mark} is damaged, so which synthetic data set lies here is not known; copy it again, "
            "or delete it where the images are real"
        )
    return {key: content.get(key) for key in ("version", "seed", "difficulty", "factors")}


def _with_validation(cfg, name: str, root: str) -> dict[str, list[tuple]]:
    dataset = read_dataset(name, root, combineall=cfg.DATASETS.COMBINEALL)
    return {"train": training_items(cfg, dataset), VALIDATION: validation_items(dataset)}


def _variant(name: str, root: str) -> str:
    """What distinguishes this copy from others that go by the same name; "" where there are none."""
    known = KNOWN_DATASETS.get(name)
    if known is None:
        return f"as fast-reid's class {name} reads it"
    located = known.locate(root)
    if name.startswith("DG_CUHK03NP"):
        return f"new protocol, {located.folder.name} boxes"
    if not name.endswith("MSMT17"):
        return ""
    if LISTS[0] not in located.parts:
        version = "V1" if located.folder.name == "MSMT17_V1" else "version not told by the folder"
        return f"{version}, trained on bounding_box_train"
    version = "V2" if located.parts == LISTED_MASKED else "V1"
    return f"{version}, trained on {'train and val' if name.startswith('DG_') else 'train'}"


def _counts(items: list[tuple]) -> dict[str, int | None]:
    return {
        "identities": len({item[1] for item in items}),
        "images": len(items),
        "cameras": len({item[2] for item in items}),
    }


def _digest(splits: dict[str, list[tuple]], folder: str) -> str:
    lines = sorted(
        f"{split} {_below(item[0], folder)} {_size(item[0])}\n" for split, items in splits.items() for item in items
    )
    return hashlib.sha256(as_bytes("".join(lines))).hexdigest()


def _below(path: str, folder: str) -> str:
    """os.path.relpath(path, folder), which of a hundred thousand paths takes seconds, and is needed for few."""
    inside = path.removeprefix(folder + os.sep)
    return os.path.relpath(path, folder) if inside == path or ".." in inside or "//" in inside else inside


def _size(path: str) -> int | None:
    """In bytes; None of a link to nowhere, which DATALOADER.SKIP_CORRUPT leaves out of a run."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None
