import sys

import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional

from dcac_fastreid.deploy.export import onnx_file
from dcac_fastreid.errors import InputError


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(12, 5)

    def forward(self, images):
        return functional.normalize(self.layer(images.flatten(1)))


@pytest.fixture(scope="module")
def program():
    with torch.no_grad():
        dynamic = {"images": {0: torch.export.Dim("batch")}}
        return torch.export.export(Small().eval(), (torch.zeros(2, 3, 2, 2),), dynamic_shapes=dynamic, strict=False)


@pytest.fixture(scope="module")
def content(program):
    return onnx_file.onnx_content(program, 18, {"input_size": "[2, 2]", "data_license": "keine, für Forschung"})


def test_its_names_are_those_that_the_tool_tells(content):
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    ((images,), (features,)) = model.graph.input, model.graph.output
    assert (images.name, features.name) == ("images", "features")
    shapes = [
        [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (images, features)
    ]
    assert shapes == [["batch", 3, 2, 2], ["batch", 5]]
    assert model.opset_import[0].version == 18


def test_the_metadata_are_the_models_properties(content):
    properties = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
    assert properties == {"input_size": "[2, 2]", "data_license": "keine, für Forschung"}


def test_it_runs_at_any_batch_size(content, program):
    run = onnx_file.onnx_runner(content)
    for batch in (1, 4):
        images = torch.rand(batch, 3, 2, 2)
        torch.testing.assert_close(run(images), Small().eval()(images))


def test_an_opset_that_cannot_be_written_or_run_is_one_sentence(program):
    with pytest.raises(InputError, match="opset|ONNX"):
        onnx_file.onnx_runner(onnx_file.onnx_content(program, 99, {}))
    with pytest.raises(InputError, match=r"writes opset \d+, not 3; take --opset|as ONNX"):
        onnx_file.onnx_content(program, 3, {})


def test_the_highest_opset_is_written_and_run(program):
    onnx_file.check_opset(onnx_file.HIGHEST_OPSET)
    content = onnx_file.onnx_content(program, onnx_file.HIGHEST_OPSET, {})
    assert onnx_file.onnx_runner(content)(torch.rand(3, 3, 2, 2)).shape == (3, 5)
    for opset in (17, onnx_file.HIGHEST_OPSET + 1):
        with pytest.raises(InputError, match=f"--opset is {opset}; expected 18 to 25"):
            onnx_file.check_opset(opset)


def test_more_weights_than_a_file_holds_are_refused(program, monkeypatch):
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 4 * 64)
    with pytest.raises(InputError, match="the weights take .* GB, .* take --format torch-export"):
        onnx_file.onnx_content(program, 18, {})


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript"])
def test_a_missing_library_is_one_sentence(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"{library}.*pip install onnx onnxruntime onnxscript, or .*torch-export"):
        onnx_file.require_onnx()
