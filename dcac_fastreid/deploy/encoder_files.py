"""Which file does the name of an encoder mean: "synthetic", a file, a folder, or OWNER/NAME on the Hugging Face hub?

Nothing here reads weights, and nothing needs PyTorch.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dcac_fastreid.arguments import as_path
from dcac_fastreid.errors import InputError, first_line
from dcac_fastreid.hub import hub_snapshot, is_hub_id
from dcac_fastreid.names import printable, shown
from dcac_fastreid.shipped import SYNTHETIC_ENCODER
from dcac_fastreid.warn_once import warn_once

SYNTHETIC = "synthetic"  # the name of the encoder that comes with the package
ENCODER, CONFIG, CARD = "encoder.safetensors", "encoder.yml", "README.md"  # of a model folder
OF_A_RUN = "model_final.pth"
ONNX = ".onnx"  # the suffix of an exported file, which is no checkpoint
FORMS = (
    f"expected a file ({OF_A_RUN} or {ENCODER}), a folder that holds one, OWNER/NAME or OWNER/NAME@REVISION of a model on the "
    f"Hugging Face hub, or {SYNTHETIC}, the small encoder that comes with the package"
)
TOY = (
    f"the encoder {SYNTHETIC!r} is a toy, trained on synthetic images alone: it shows how things work; expect it to fail on real "
    "photos, and name an encoder that was trained on photos for them"
)
# As a line of the card's table of files has it.
HASH = re.compile(rf"^\| {re.escape(ENCODER)} \|[^|]*\| `?([0-9a-f]{{64}})`? \|", re.MULTILINE)
LARGEST_CARD = 1_000_000  # bytes


class Found(NamedTuple):
    file: Path
    sha256: str = ""  # of the file, where it was compared with the card's; "": not computed


def find_encoder(name: str | os.PathLike) -> Found:
    """The file of weights, which is there.

    Of a folder encoder.safetensors; without one model_final.pth, as a run's folder has it; else its only file of weights. So a
    run's folder into which its encoder was exported is that model folder, whose card describes encoder.safetensors. From the
    hub encoder.safetensors alone, never a pickle. What is there by that path comes first; only the text "synthetic" is the
    shipped encoder, a path never is: a folder with that name is "./synthetic" or Path("synthetic"). A warning tells, once, that
    "synthetic" is a toy, or that a model folder has no card.

    Raises: InputError: nothing of that name, a folder with none or several, or one whose weights are not those of its card.
    """
    check_name(name)
    path = Path(name)
    if name == SYNTHETIC or path.absolute() == SYNTHETIC_ENCODER / ENCODER:
        warn_once(TOY)
        return Found(SYNTHETIC_ENCODER / ENCODER)
    if path.is_dir():
        return _of_folder(path)
    if path.exists():
        return Found(path)
    model_id, _, revision = str(name).partition("@")
    return _of_model_folder(_from_hub(model_id, revision or None), str(name))


def check_name(name: str | os.PathLike) -> None:
    """Raises: InputError: nothing is there, and the name is none that a model on the hub may have; or an ONNX file. No network."""
    path = as_path(name, "the checkpoint")
    model_id, at, revision = str(name).partition("@")
    if path.suffix == ONNX and path.is_file():
        raise InputError(
            f"{printable(path)} is an exported file, which gives features in Python alone (dcac_fastreid.FeatureExtractor); name "
            "the checkpoint, or the folder that it was exported to"
        )
    if name == SYNTHETIC or path.exists() or (is_hub_id(model_id) and (revision or not at)):
        return
    hint = (
        f"; the encoder that comes with the package is the text {SYNTHETIC!r}, no path"
        if path == Path(SYNTHETIC)
        else ""
    )
    raise InputError(f"there is no file or folder {printable(str(name))}{hint}; {FORMS}")


def _of_folder(folder: Path) -> Found:
    if (folder / ENCODER).is_file():
        return _of_model_folder(folder, str(folder))
    if (folder / OF_A_RUN).is_file():
        return Found(folder / OF_A_RUN)
    files = sorted(file for suffix in (".safetensors", ".pth") for file in folder.glob(f"*{suffix}") if file.is_file())
    found = [file for file in files if file.name != "prompts.safetensors"]
    if not found:
        raise InputError(
            f"the folder {printable(folder)} holds no encoder: neither {ENCODER} nor {OF_A_RUN}; is it complete? {FORMS}"
        )
    if len(found) > 1:
        raise InputError(
            f"the folder {printable(folder)} holds {len(found)} encoders: {shown(file.name for file in found)}; name one "
            "of these files"
        )
    return Found(found[0])


def _of_model_folder(folder: Path, name: str) -> Found:
    """encoder.safetensors of a folder which has it, after a look at the card."""
    card, file = folder / CARD, folder / ENCODER
    if not card.is_file():
        warn_once(
            f"{printable(name)} has no card, {CARD}: what the encoder was trained on, and under which licences it stands, is "
            "not told"
        )
        return Found(file)
    with open(card, "rb") as stream:
        told = HASH.search(stream.read(LARGEST_CARD).decode(errors="replace"))
    if not told:
        return Found(file)
    from dcac_fastreid.data import file_sha256  # late: with Pillow

    if told[1] != (sha256 := file_sha256(file)):
        raise InputError(
            f"{printable(file)} is not the file that its card describes ({CARD} says sha256 {told[1][:8]}...): it is damaged, "
            "or was replaced; get the folder again, or name the file itself to use it as it is"
        )
    return Found(file, sha256)


def _from_hub(model_id: str, revision: str | None) -> Path:
    name = f"{model_id}@{revision}" if revision else model_id
    try:
        folder = hub_snapshot(
            model_id, choose=to_fetch, complete=lambda folder: (folder / ENCODER).is_file(), revision=revision
        )
    except Exception as error:  # of several HTTP libraries; none derives from OSError in all versions
        raise InputError(
            f"{printable(name)} is no file or folder here and so a model on the Hugging Face hub; it is not in the local cache, "
            f"and the hub does not give it ({first_line(error)}); go online, or correct the name: {FORMS}"
        ) from error
    if not (folder / ENCODER).is_file():
        raise InputError(
            f"{printable(name)} on the Hugging Face hub has no {ENCODER}, the only form in which an encoder is taken from "
            "there; name another model, or download its file and convert it"
        )
    return folder


def to_fetch(names: Iterable[str]) -> list[str]:
    """Of a model's files those that are used: weights without pickle, their config, the card."""
    return [name for name in names if name in (ENCODER, CONFIG, CARD)]
