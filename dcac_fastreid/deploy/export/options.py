"""What the files of one export have in common, whoever they are for."""

from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.arguments import as_text
from dcac_fastreid.deploy.export.onnx_file import OPSET, check_opset, require_onnx
from dcac_fastreid.deploy.export.reduced import Precision


@dataclass(frozen=True, kw_only=True)
class Options:
    """opset: of ONNX; None for OPSET.

    probe_folder: of images to compare on; None for random ones.
    config_file: as open_encoder's.
    data_license, weights_license: as describe_export's.
    precision: of the ONNX file. openvino: whether OpenVINO's files are written too.
    """

    opset: int | None = None
    probe_folder: str | Path | None = None
    config_file: str | Path | None = None
    data_license: str = ""
    weights_license: str = ""
    precision: Precision = Precision()
    openvino: bool = False

    def check(self) -> None:
        """Raises: InputError: a license that is no text, or no such precision."""
        as_text(self.data_license, "the license of the data")
        as_text(self.weights_license, "the license of the weights")
        self.precision.check()

    def onnx_opset(self) -> int:
        """Raises: InputError: one that cannot be written. ImportError: the libraries for ONNX are not there."""
        opset = OPSET if self.opset is None else self.opset
        check_opset(opset)
        require_onnx()
        return opset

    @property
    def licenses(self) -> dict[str, str]:
        return {"data_license": self.data_license, "weights_license": self.weights_license}
