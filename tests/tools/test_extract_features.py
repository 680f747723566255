import json
import re

import numpy as np
import pytest

import dcac_fastreid
from dcac_fastreid import data
from dcac_fastreid.checkpoint import StrictCheckpointer, encoder_config
from fastreid.modeling import build_model


@pytest.fixture
def checkpoint(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", 8)
    model = build_model(data.with_local_weights(cfg))
    StrictCheckpointer(model, str(tmp_path / "run"), encoder_config=encoder_config(cfg)).save("model_final")
    return tmp_path / "run" / "model_final.pth"


def test_a_folder_becomes_features(checkpoint, tiny_world, run_tool, tmp_path):
    photos = tiny_world / "Market-1501-v15.09.15" / "query"
    (tmp_path / "photos").mkdir()
    for photo in photos.iterdir():
        (tmp_path / "photos" / photo.name).write_bytes(photo.read_bytes())
    (tmp_path / "photos" / "broken.jpg").touch()
    command = (
        "--checkpoint",
        checkpoint,
        "--input",
        tmp_path / "photos",
        "--output",
        tmp_path / "out",
        "--device",
        "cpu",
    )

    status, written = run_tool("extract_features", *command)
    assert status == 2 and "error: 1 of 7 images cannot be read: " in written and "--skip-unreadable" in written
    assert not (tmp_path / "out").exists()

    status, written = run_tool("extract_features", *command, "--skip-unreadable", "--batch-size", 4)
    assert status == 0 and "6 pictures, features 128 wide" in written and "broken.jpg" in written
    features = np.load(tmp_path / "out" / "features.npy")
    extract = dcac_fastreid.FeatureExtractor(checkpoint, device="cpu")
    np.testing.assert_allclose(features, extract(sorted(photos.iterdir())).numpy(), atol=1e-5)
    assert json.loads((tmp_path / "out" / "info.json").read_text())["unreadable"] == ["broken.jpg"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--checkpoint", "none.pth", "--input", "{photos}", "--output", "{tmp}/out"], "there is no file none.pth"),
        (["--checkpoint", "{run}", "--input", "none", "--output", "{tmp}/out"], "there is no folder none"),
        (["--checkpoint", "{run}", "--input", "{tmp}/empty", "--output", "{tmp}/out"], ".*empty holds no image"),
        (
            ["--checkpoint", "{run}", "--input", "{photos}", "--output", "{run}/out"],
            "the features shall go to .* is a file",
        ),
        (["--checkpoint", "{photo}", "--input", "{photos}", "--output", "{tmp}/out"], ".* cannot be read as weights"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, sentence, checkpoint, tiny_world, run_tool, tmp_path):
    (tmp_path / "empty").mkdir()
    photos = tiny_world / "Market-1501-v15.09.15" / "query"
    places = {"photos": photos, "photo": min(photos.iterdir()), "tmp": tmp_path, "run": checkpoint}
    status, written = run_tool("extract_features", *(each.format(**places) for each in arguments))
    assert status == 2 and written.count("\n") == 1 and re.match(f"error: {sentence}", written), written
    assert not (tmp_path / "out").exists()
