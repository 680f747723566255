"""Its files, and what it refuses; boxmot reads them in export/consumers/test_their_loaders.py."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from dcac_fastreid.deploy.export.consumers.export_for import export_for
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.openvino_files import openvino_contents, openvino_runner
from dcac_fastreid.deploy.export.reduced import Precision
from dcac_fastreid.errors import InputError


@torch.no_grad()
def test_its_files_give_the_features(onnx_file, encoder):
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'dcac_fastreid[openvino]'")
    torch.manual_seed(0)
    images = (255 * torch.rand(3, 3, *encoder.input_size)).round()
    features = openvino_runner(openvino_contents(onnx_file.read_bytes()))(images)
    torch.testing.assert_close(features, functional.normalize(encoder.model({"images": images})), rtol=0, atol=1e-4)


def test_it_tells_nobody_what_it_is_used_for():
    """In a process of its own: it does so from its import on."""
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'dcac_fastreid[openvino]'")
    program = """
import sys
def refuse(*_, **__): raise SystemExit("it calls the network")
sys.addaudithook(lambda event, _: refuse() if event in ("socket.connect", "socket.getaddrinfo") else None)
from dcac_fastreid.deploy.export.openvino_files import require_openvino
require_openvino()
print(sys.modules["openvino"].__name__, sys.modules["openvino_telemetry"])
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "openvino None\n", run


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
