"""An ONNX file's content as OpenVINO's two files: the only import of openvino."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from dcac_fastreid.errors import InputError, first_line
from dcac_fastreid.output_files import check_writable, refuse_no_files

FOLDER = "encoder_openvino_model"  # programs know it by the end of its name
NAME = "encoder"


class OpenVino(NamedTuple):
    """The contents of NAME.xml, the graph, and NAME.bin, the weights."""

    xml: bytes
    bin: bytes

    def files(self, folder: Path) -> dict[Path, bytes]:
        return {folder / f"{NAME}.xml": self.xml, folder / f"{NAME}.bin": self.bin}


def check_openvino_folder(folder: Path) -> None:
    """Makes nothing. Raises: InputError: it cannot be made or written, or what lies in it is in the way."""
    check_writable(folder, "--openvino leads to", "move it away, or leave --openvino out")
    refuse_no_files(*OpenVino(b"", b"").files(folder))


def require_openvino() -> ModuleType:
    """The library. Raises ImportError: it is missing or broken; the sentence says how to install it.

    openvino sends usage data. It does not if its module openvino_telemetry cannot be imported, so that import is blocked here, for
    the whole process.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # so that its import fails; openvino then takes a stub
    try:
        import openvino
    except ImportError as error:
        raise ImportError(
            f"--openvino needs openvino, which cannot be imported ({error}); install it with: pip install openvino"
        ) from error
    return openvino


def openvino_contents(content: bytes) -> OpenVino:
    """Args: content: of an ONNX file, in fp32. Raises: InputError: OpenVINO cannot read it."""
    openvino = require_openvino()
    with tempfile.TemporaryDirectory() as folder:
        onnx, xml = Path(folder) / "encoder.onnx", Path(folder) / f"{NAME}.xml"
        onnx.write_bytes(content)
        try:
            # The weights as they are: its default rounds them to fp16.
            openvino.save_model(openvino.convert_model(onnx), xml, compress_to_fp16=False)
        except Exception as error:  # of several kinds
            raise InputError(
                f"OpenVINO {openvino.__version__} cannot read this encoder ({first_line(error)}); leave --openvino out"
            ) from error
        return OpenVino(xml.read_bytes(), xml.with_suffix(".bin").read_bytes())


def openvino_runner(contents: OpenVino) -> Callable[[Tensor], Tensor]:
    """Runs them on the CPU in fp32, which is not its default everywhere: (B, 3, H, W) to (B, D)."""
    openvino = require_openvino()
    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    model = core.compile_model(core.read_model(contents.xml, contents.bin), "CPU", settings)
    return lambda images: torch.from_numpy(model([images.numpy()])[0].copy())
