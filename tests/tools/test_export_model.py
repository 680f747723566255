import re
import sys

import pytest
import torch
from PIL import Image


@pytest.fixture
def run_folder(resnet_run):
    """And three photos."""
    (resnet_run / "photos").mkdir()
    for name, colour in (("a", "red"), ("b", "white"), ("c", "navy")):
        Image.new("RGB", (40, 80), colour).save(resnet_run / "photos" / f"{name}.png")
    return resnet_run


def test_it_tells_what_it_compared_and_measured(run_folder, run_tool):
    status, written = run_tool(
        "export_model", "--checkpoint", run_folder / "model_final.pth", "--output", run_folder / "encoder.pt2",
        "--normalization", "outside", "--probe", run_folder / "photos", "--data-license", "three colours, free",
    )  # fmt: skip
    assert status == 0, written
    assert re.search(r"encoder.pt2: 4\d\.\d MB; against PyTorch, on 3 images in photos:", written), written
    for batch in (1, 3, 8):
        assert re.search(rf"batch {batch}: cosines .*, same first image 3 and same ranking 3 of 3, ", written), written
    assert re.search(r"batch 8: PyTorch [\d.]+ \([\d.]+ to [\d.]+\), exported [\d.]+ .*, [\d.]+ of PyTorch's", written)
    assert re.search(r"\nnormalization: outside\nmade_for: .* as told here.*\nselected_on_test_sets: \[\]\n", written)
    assert "\ndata_license: three colours, free\n" in written
    assert torch.export.load(run_folder / "encoder.pt2").module()(torch.zeros(5, 3, 64, 32)).shape == (5, 512)


def test_what_cannot_be_done_is_one_sentence(run_folder, run_tool, monkeypatch):
    checkpoint, output = run_folder / "model_final.pth", run_folder / "out"
    (run_folder / "empty").mkdir()
    (run_folder / "photos" / "b.png").write_bytes(b"no image")
    (run_folder / "other.yml").write_text((run_folder / "config.yaml").read_text().replace("18x", "34x"))
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    pt2 = ("--format", "torch-export")
    for arguments, message in (
        (("--checkpoint", run_folder / "none.pth", *pt2), "there is no file .*none.pth"),
        (("--checkpoint", run_folder / "config.yaml", *pt2), "config.yaml cannot be read as weights"),
        (("--checkpoint", checkpoint, *pt2, "--config-file", run_folder / "other.yml"), "does not fit the config"),
        (("--checkpoint", checkpoint, *pt2, "--probe", run_folder / "empty"), "empty holds no image"),
        (
            ("--checkpoint", checkpoint, *pt2, "--probe", run_folder / "photos"),
            "1 of 3 images cannot be read: .*b.png",
        ),
        (
            ("--checkpoint", checkpoint, *pt2, "--opset", 18),
            "--opset 18 is of ONNX, but what is asked for is torch-export",
        ),
        (("--checkpoint", checkpoint), "pip install onnx onnxruntime onnxscript"),
    ):
        status, written = run_tool("export_model", *arguments, "--output", output)
        lines = [line for line in written.splitlines() if line.startswith("error: ")]
        assert status == 2 and len(lines) == 1 and re.search(message, lines[0]), written
        assert "Traceback" not in written
    assert not output.exists()
