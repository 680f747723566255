import dataclasses
import io
import json
import zipfile
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

import dcac_fastreid
from dcac_fastreid.deploy.export import export_model as module
from dcac_fastreid.deploy.export.comparison import Comparison, Disagreement
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.exported_program import exported_program
from dcac_fastreid.deploy.export.plain_files import output_files
from dcac_fastreid.deploy.export.probe import Probe, smooth_images
from dcac_fastreid.deploy.unit_features import UnitFeatures
from dcac_fastreid.errors import InputError


@pytest.fixture(scope="module")
def loaded(exported):
    """The .pt2 as torch alone reads it: the program, and the metadata in it."""
    inside = {"metadata.json": ""}
    return torch.export.load(list(exported.files)[1], extra_files=inside), inside["metadata.json"]


@pytest.fixture
def expected(encoder):
    """Images that are not the probe's, and fast-reid's own features of them, at unit length."""
    torch.manual_seed(7)
    images = (255 * torch.rand(5, 3, *encoder.input_size)).round()
    with torch.no_grad():
        return images, functional.normalize(encoder.model({"images": images.clone()}))


def test_both_files_give_fast_reids_features(exported, loaded, expected):
    images, features = expected
    onnx, pt2 = exported.files
    assert (onnx.name, pt2.name) == ("encoder.onnx", "encoder.pt2")
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    torch.testing.assert_close(torch.tensor(session.run(None, {"images": images.numpy()})[0]), features)
    with torch.no_grad():
        torch.testing.assert_close(loaded[0].module()(images), features)


def test_it_was_compared_and_timed_in_several_batch_sizes(exported):
    for size, (agreements, latencies) in exported.files.values():
        assert size > 1e6 and list(agreements) == [1, 3, 8] and list(latencies) == [1, 8]
        for agreement in agreements.values():
            assert agreement.agrees and agreement.probes == agreement.same_first == 32
        for pair in latencies.values():
            assert all(0 < latency.low <= latency.median <= latency.high for latency in pair)
    report = exported.report()
    assert report.count("on 32 smooth random images (seed 0)") == 2 and report.count("of PyTorch's") == 4
    assert "data_license: not stated; " in report


def test_both_files_carry_the_same_metadata(exported, loaded):
    onnx, _ = exported.files
    properties = onnxruntime.InferenceSession(str(onnx)).get_modelmeta().custom_metadata_map
    assert json.loads(loaded[1]) == properties == exported.metadata


def test_a_pt2_is_bound_to_no_device(loaded, encoder):
    """Else it could not be moved to a GPU; "meta" computes shapes alone, and minds where tensors lie."""
    program, _ = loaded
    assert not [node for node in program.graph.nodes if "device" in node.kwargs]
    images = torch.empty(2, 3, *encoder.input_size, device="meta")
    assert program.module().to("meta")(images).shape == (2, encoder.feature_width)


def test_no_file_names_a_folder_of_this_machine(exported):
    """PyTorch writes the source lines of every layer."""
    onnx, pt2 = exported.files
    archive = zipfile.ZipFile(io.BytesIO(pt2.read_bytes()))
    content = onnx.read_bytes() + b"".join(archive.read(name) for name in archive.namelist())
    for source in (dcac_fastreid.__file__, torch.__file__, __file__):
        assert str(Path(source).parent).encode() not in content
    assert b"CLIPViT" in content, "nor is it another form of the text that hides them"


def test_the_classifier_is_left_out(loaded):
    assert loaded[0].state_dict["model.heads.weight"].shape[0] == 0, "the checkpoint has 8 identities"


@torch.no_grad()
def test_pixels_normalised_outside(encoder, expected):
    images, features = expected
    mean, std = (
        torch.tensor(values).view(3, 1, 1) for values in (encoder.cfg.MODEL.PIXEL_MEAN, encoder.cfg.MODEL.PIXEL_STD)
    )
    bare = UnitFeatures(encoder.model, "outside")
    torch.testing.assert_close(bare((images - mean) / std), features)
    again = functional.normalize(encoder.model({"images": images}))
    assert torch.equal(again, features), "the encoder itself normalises as before"


@pytest.mark.slow
def test_a_backbone_of_fast_reid(resnet_run):
    """Batch normalisation, learned pooling; a config file beside a checkpoint that carries none."""
    for normalization in ("inside", "outside"):
        exported = export_model(resnet_run / "model_final.pth", resnet_run / "out", normalization=normalization)
        assert [file.name for file in exported.files] == ["encoder.onnx", "encoder.pt2"]
    assert exported.metadata["architecture"] == "Baseline, build_resnet_backbone"


def test_another_weight_is_found_and_nothing_is_written(checkpoint, tmp_path, monkeypatch):
    """One value in one of the last normalisation's 128 weights; the file that was there stays as it was."""

    def changed(encoder, normalization):
        program = exported_program(encoder, normalization)
        encoder.model.heads.bottleneck[0].weight[5] += 1.0  # the program holds the same memory
        return program

    monkeypatch.setattr(module, "exported_program", changed)
    (tmp_path / "encoder.pt2").write_text("of yesterday")
    with pytest.raises(
        Disagreement, match="in batches of 1, the encoder does not give PyTorch's features on 32 smooth"
    ):
        export_model(checkpoint, tmp_path, formats=["torch-export"])
    assert [file.name for file in tmp_path.iterdir()] == ["encoder.pt2"]
    assert (tmp_path / "encoder.pt2").read_text() == "of yesterday"


@torch.no_grad()
def test_a_fixed_batch_is_found(encoder):
    example = torch.zeros(8, 3, *encoder.input_size)
    fixed = torch.export.export(UnitFeatures(encoder.model, "inside"), (example,), strict=False).module()
    comparison = Comparison(encoder, smooth_images(encoder.input_size), "inside")
    with pytest.raises(Disagreement, match="as torch-export the encoder does not run in batches of 1 "):
        comparison.measure(fixed, "torch-export")


class Undecided(nn.Module):
    """Looks at the values of its tensors."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, batch):
        pooled = batch["images"].mean((2, 3)) * self.weight
        return pooled if pooled.sum() > 0 else -pooled


def test_an_encoder_that_is_no_graph_is_one_sentence(encoder):
    with pytest.raises(InputError, match="cannot export build_clip_vit_backbone as a graph .*values of its tensors$"):
        exported_program(dataclasses.replace(encoder, model=Undecided()), "inside")


def test_features_that_tell_nothing_are_one_sentence(checkpoint, encoder, tmp_path, monkeypatch):
    for weight, message in ((0.0, "gives every image the same features"), (float("nan"), "NaN|no finite numbers")):
        broken = torch.load(checkpoint)
        broken["model"]["heads.bottleneck.0.weight"].fill_(weight)
        broken["model"]["heads.bottleneck.0.bias"].fill_(1.0)
        torch.save(broken, tmp_path / "broken.pth")
        with pytest.raises(InputError, match=message):
            export_model(tmp_path / "broken.pth", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    same = smooth_images(encoder.input_size).images[:1].repeat(3, 1, 1, 1)
    with pytest.raises(InputError, match="three copies are all alike to the encoder"):
        Comparison(encoder, Probe(same, "three copies"), "inside")


def test_an_opset_is_checked_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="--opset is 17; expected 18 to"):
        export_model(tmp_path / "none.pth", tmp_path, opset=17)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"opset": 0}, "--opset is 0; expected 18 to"),
        ({"opset": True}, "--opset is True; expected 18 to"),
        ({"opset": "18"}, "--opset is '18'; expected 18 to"),
        ({"formats": "onnx"}, "the formats are 'onnx'; expected a list of onnx, torch-export"),
        ({"formats": ["tflite"]}, "a format is 'tflite'; expected onnx or torch-export"),
        ({"normalization": "both"}, "the normalization is 'both'; expected inside or outside"),
        ({"output": ""}, "--output is an empty name"),
        ({"output": None}, "--output is None; expected the path"),
    ],
)
def test_wrong_arguments_are_one_sentence_before_anything_is_read(wrong, sentence, tmp_path):
    with pytest.raises(InputError, match=f"^{sentence}"):
        export_model(**{"checkpoint": tmp_path / "none.pth", "output": tmp_path, **wrong})


def test_the_files_of_an_output(tmp_path):
    onnx, pt2 = tmp_path / "encoder.onnx", tmp_path / "encoder.pt2"
    assert output_files(tmp_path) == {"onnx": onnx, "torch-export": pt2}
    assert output_files(tmp_path, ["torch-export"]) == {"torch-export": pt2}
    assert output_files(tmp_path / "mine.onnx") == {"onnx": tmp_path / "mine.onnx"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("output", "formats", "message"),
    [
        ("mine.onnx", ["torch-export"], "is a file of format onnx, but --format asks for torch-export"),
        ("mine.pt2", ["onnx", "torch-export"], "but --format asks for onnx, torch-export; name a folder"),
        ("taken", [], "taken is a file; name a folder"),
        (
            "mine.bin",
            [],
            "mine.bin is no folder that is there, and .bin is no ending .* ends in .onnx or .pt2, or a folder",
        ),
        ("taken/below/encoder.pt2", [], "taken is a file; name a folder"),
    ],
)
def test_an_output_that_cannot_be_is_one_sentence(output, formats, message, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=message):
        output_files(tmp_path / output, formats)
