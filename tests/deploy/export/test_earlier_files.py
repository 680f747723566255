from pathlib import Path

import pytest

from dcac_fastreid.deploy.export.consumers.export_for import export_for
from dcac_fastreid.deploy.export.earlier_files import FILES
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.plain_files import output_files
from dcac_fastreid.errors import InputError


def earlier(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("of another encoder")
    return file


@pytest.mark.parametrize(
    ("left", "export"),
    [
        ("encoder.pt2", lambda *words: export_model(*words, formats=["onnx"])),
        ("encoder_openvino_model/encoder.xml", export_model),
        ("botsort_reid.yaml", export_model),  # feeds other pixels than the new encoder.onnx takes
        (
            "encoder.onnx_b100_gpu0_fp16.engine",
            lambda checkpoint, folder: export_for({"deepstream": folder}, checkpoint),
        ),
        ("encoder.safetensors", lambda checkpoint, folder: export_for({"ultralytics": folder}, checkpoint)),
        (
            "osnet_x0_25_encoder_openvino_model/encoder.xml",
            lambda checkpoint, folder: export_for({"boxmot": folder}, checkpoint),
        ),
    ],
)
def test_files_of_an_earlier_export_that_would_stay_are_refused_before_the_work(left, export, tmp_path):
    file = earlier(tmp_path / "out" / left)
    sentence = f"{left.split('/')[0]} would stay beside the new files, .*; move it away, or name another folder"
    with pytest.raises(InputError, match=sentence):
        export(tmp_path / "none.pth", tmp_path / "out")
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [file]


def test_files_that_are_written_again_are_not_in_the_way(checkpoint, tmp_path):
    for name in ("encoder.pt2", "encoder.safetensors", "encoder.yml"):
        earlier(tmp_path / name)
    export_model(checkpoint, tmp_path, formats=["torch-export"])
    assert all(b"of another encoder" not in file.read_bytes() for file in tmp_path.iterdir())


def test_all_plain_files_are_known(tmp_path):
    assert {file.name for file in output_files(tmp_path).values()} <= FILES
