"""What it refuses; its files are read in export/consumers/test_their_loaders.py, in an environment that has OpenVINO."""

import sys

import pytest

from dcac_fastreid.deploy.export.consumers.export_for import export_for
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.reduced import Precision
from dcac_fastreid.errors import InputError


def test_a_missing_library_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ImportError, match="--openvino needs openvino.*pip install openvino"):
        export_model(tmp_path / "none.pth", tmp_path / "out", openvino=True)
    with pytest.raises(ImportError, match="--openvino needs openvino"):
        export_for({"boxmot": tmp_path / "out"}, tmp_path / "none.pth", openvino=True)


@pytest.mark.parametrize(
    "options",
    [{"output": "a.onnx"}, {"formats": ["torch-export"]}, {"precision": Precision("fp16")}],
)
def test_it_is_made_of_the_onnx_file_in_fp32_in_a_folder(options, tmp_path):
    output = tmp_path / options.pop("output", "out")
    with pytest.raises(InputError, match="--openvino is made of the ONNX file in fp32"):
        export_model(tmp_path / "none.pth", output, openvino=True, **options)


def test_for_a_consumer_too(tmp_path):
    with pytest.raises(InputError, match="--openvino is made of ONNX files in fp32, and the precision is fp16"):
        export_for({"boxmot": tmp_path}, tmp_path / "none.pth", openvino=True, precision=Precision("fp16"))
