"""Which files of an earlier export would stay beside the new ones, and may be of another encoder?"""

from collections.abc import Collection
from pathlib import Path

from dcac_fastreid.deploy.encoder_files import CONFIG, ENCODER
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.export.openvino_files import FOLDER as OPENVINO_FOLDER
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

PLAIN_FILES = ("encoder.onnx", "encoder.pt2", ENCODER, CONFIG, OPENVINO_FOLDER)
FILES = {
    *PLAIN_FILES,
    *(name for each in CONSUMERS.values() for name in (each.file, *each.beside, each.openvino) if name),
}
ENGINES = "*.engine"  # that TensorRT has built of an ONNX file, and DeepStream reads instead of it


def refuse_earlier_files(folder: Path, written: Collection[str]) -> None:
    """Asks before the work. Whoever loads such a file would get the earlier encoder, or feed the new one other pixels.

    Args: written: the names in the folder that the export writes itself.
    Raises: InputError: others are there.
    """
    left = [folder / name for name in sorted(FILES.difference(written)) if (folder / name).exists()]
    left += sorted(folder.glob(ENGINES))
    if left:
        raise InputError(
            f"{shown(left)} would stay beside the new files, and may be of another encoder or for other pixels; move it away, or "
            "name another folder"
        )
