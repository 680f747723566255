import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic import parts


@pytest.fixture
def trained(encoder, tmp_path):
    """The encoder with its checkpoint in a run's folder of its own, and the run metadata."""

    def trained(**metadata):
        (tmp_path / "model_final.pth").write_bytes(encoder.file.read_bytes())
        (tmp_path / "stamp.json").write_text(json.dumps(metadata))
        return dataclasses.replace(encoder, file=tmp_path / "model_final.pth")

    return trained


REAL = {
    "sources": ["DG_Market1501", "DG_DukeMTMC", "MyPhotos"],
    "drawn_world": None,
    "weights": {"encoder": {"ViT-B-16.pt": "ab" * 32}, "diffusion": {"unet/config.json": "cd" * 32}},
}


def test_it_says_how_to_feed_the_file(encoder):
    told = describe_export(encoder, "inside")
    assert told["input"] == "images: float32 (batch, 3, 128, 64), RGB in [0, 255]"
    assert "(value in [0, 255] - pixel_mean) / pixel_std" in describe_export(encoder, "outside")["input"]
    assert json.loads(told["input_size"]) == [128, 64] and told["feature_width"] == "128"
    pixels = changed(encoder.cfg, ["MODEL.PIXEL_MEAN", [1.0, 2.0, 3.0], "MODEL.PIXEL_STD", [4.0, 5.0, 6.0]])
    of_others = describe_export(dataclasses.replace(encoder, cfg=pixels), "inside")
    assert (of_others["pixel_mean"], of_others["pixel_std"]) == ("[1.0, 2.0, 3.0]", "[4.0, 5.0, 6.0]")
    prepared = (
        "resize to 128 x 64 (height x width), bicubic, antialiased as Pillow does it; RGB, float32 values from 0 to 255"
    )
    assert told["preparation"] == f"{prepared} (not 0 to 1), channels first"
    outside = describe_export(encoder, "outside")["preparation"]
    assert outside == f"{told['preparation']}; minus pixel_mean, then divided by pixel_std, channel by channel"
    cropped = changed(encoder.cfg, ["INPUT.SIZE_TEST", [140], "INPUT.CROP.ENABLED", True, "INPUT.CROP.SIZE", [128, 64]])
    told = describe_export(dataclasses.replace(encoder, cfg=cropped), "inside")["preparation"]
    assert told.startswith("resize the shorter side to 140, ") and "; cut out the middle, 128 x 64; RGB" in told


@torch.no_grad()
def test_the_preparation_done_by_hand_is_the_encoders_input(encoder):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 90, 3), dtype=np.uint8))
    by_hand = np.asarray(image.resize((64, 128), Image.Resampling.BICUBIC), dtype=np.float32).transpose(2, 0, 1)
    assert torch.equal(torch.from_numpy(by_hand), encoder.transform(image))


def test_it_says_which_checkpoint_it_is_and_whether_a_test_picked_it(trained, encoder):
    told = describe_export(trained(), "inside")
    assert told["checkpoint"] == "model_final.pth" and told["checkpoint_sha256"] == encoder.sha256
    assert told["selected_on_test_sets"] == "[]"
    picked = trained()
    torch.save({**torch.load(picked.file), "selected_on": ["DG_MSMT17"]}, picked.file)
    assert json.loads(describe_export(picked, "inside")["selected_on_test_sets"]) == ["DG_MSMT17"]


def test_stated_terms_are_taken_as_they_are(trained):
    told = describe_export(trained(**REAL), "inside", data_license="ours", weights_license="MIT")
    assert told["data_license"] == "ours" and told["weights_license"] == "MIT"


def test_unstated_terms_name_the_training_data_and_weights(trained):
    told = describe_export(trained(**REAL), "inside")
    assert told["data_license"].startswith("not stated; trained on DG_Market1501 (https://")
    for expected in ("DG_DukeMTMC (whoever has", "MyPhotos (source unknown here)", "for research alone"):
        assert expected in told["data_license"]
    assert "began with encoder: ViT-B-16.pt; diffusion: unet/config.json; the terms" in told["weights_license"]
    assert json.loads(told["trained_on"]) == REAL["sources"]
    assert json.loads(told["trained_from"]) == REAL["weights"], "with their hashes"


def test_synthetic_images_show_nobody(trained):
    synthetic = {"version": 5, "seed": 0}
    told = describe_export(trained(sources=["DG_Market1501"], drawn_world=synthetic, weights={}), "inside")
    assert "a synthetic data set of dcac_fastreid, whose images show no real person" in told["data_license"]
    assert "research" not in told["data_license"] and json.loads(told["drawn_world"]) == synthetic
    assert told["weights_license"] == "not stated; trained from random weights"


def test_own_photos_have_the_terms_of_whoever_took_them(trained):
    told = describe_export(trained(sources=["PersonFolders"], drawn_world=None), "inside")["data_license"]
    assert "own photos" in told and "see --data-license" in told and "source unknown" not in told


def test_the_shipped_parts_have_no_terms_of_others(trained):
    clip, vae = (parts.fingerprint(name) for name in ("clip", "vae"))
    weights = {"encoder": {"a.safetensors": clip}, "diffusion": {"vae/b.safetensors": vae, "vae/config.json": "1"}}
    told = describe_export(trained(weights=weights), "inside")["weights_license"]
    assert told.endswith("with small parts of dcac_fastreid, which were trained only on synthetic images")
    weights["diffusion"]["vae/b.safetensors"] = "cd" * 32
    assert "Stable Diffusion" in describe_export(trained(weights=weights), "inside")["weights_license"]


def test_without_run_metadata_nothing_is_made_up(encoder):
    told = describe_export(encoder, "inside")
    for name in ("data_license", "weights_license"):
        assert told[name].startswith("not stated; no run metadata (stamp.json) beside the checkpoint tell")
    assert told["trained_on"] == told["trained_from"] == "null"


def test_damaged_run_metadata_is_one_sentence(trained):
    damaged = trained()
    (damaged.file.parent / "stamp.json").write_text('{"sources": [')
    with pytest.raises(InputError, match="stamp.json cannot be read as JSON .*; remove it"):
        describe_export(damaged, "inside")


def test_all_is_text_and_none_a_path_of_the_machine(trained):
    told = describe_export(trained(**REAL), "inside")
    assert all(isinstance(value, str) for value in told.values())
    assert not [name for name, value in told.items() if str(trained(**REAL).file.parent) in value]
    assert {"torch", "onnxruntime", "fastreid", "dcac_fastreid", "python"} <= json.loads(told["versions"]).keys()
