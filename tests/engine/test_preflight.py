"""What is missing of Stable Diffusion, in each form that MODEL.DCAC.DIFFUSION.WEIGHTS may have."""

import shutil

import pytest

from dcac_fastreid.data import weights_path
from dcac_fastreid.engine.preflight import check_inputs


@pytest.fixture
def missing(make_cfg):
    """The message about what a training with these weights lacks, or ""."""

    def missing(weights) -> str:
        cfg = make_cfg("ma_ms.yml", "MODEL.DCAC.DIFFUSION.WEIGHTS", str(weights))
        try:
            check_inputs(cfg, training=True)
        except FileNotFoundError as error:
            return str(error)
        return ""

    return missing


@pytest.mark.parametrize("form", [".fp16.safetensors", ".bin", ".non_ema.safetensors"])
def test_a_folder_in_any_form_is_there(missing, tmp_path, form):
    folder = shutil.copytree(weights_path("synthetic:stable-diffusion"), tmp_path / "sd")
    for part in ("unet", "vae"):
        file = folder / part / "diffusion_pytorch_model.safetensors"
        file.rename(file.with_name(f"diffusion_pytorch_model{form}"))
    assert missing(folder) == ""


def test_a_file_is_there_and_is_looked_into_when_it_is_loaded(missing, tmp_path):
    (tmp_path / "v1-5-pruned.ckpt").touch()
    assert missing(tmp_path / "v1-5-pruned.ckpt") == ""


def test_a_hub_id_is_not_asked_for(missing):
    assert missing("stable-diffusion-v1-5/stable-diffusion-v1-5") == ""


@pytest.mark.parametrize(
    "weights, what",
    [
        ("weights/stable-diffusion-v1-5", "no folder weights/stable-diffusion-v1-5"),
        ("none/v1-5-pruned.ckpt", "no file none/v1-5-pruned.ckpt"),
        ("", "no folder is named"),
    ],
)
def test_a_path_that_is_not_there_is_missing_with_its_source(missing, tmp_path, monkeypatch, weights, what):
    monkeypatch.chdir(tmp_path)
    message = missing(weights)
    assert f"Stable Diffusion 1.5: {what} (MODEL.DCAC.DIFFUSION.WEIGHTS); get it from https://" in message


def test_weights_of_image_variations_are_missing_with_their_own_source(make_cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = ("MODEL.DCAC.CONDITIONER.NAME", "ImageEmbeddingConditioner", "MODEL.DCAC.DIFFUSION.WEIGHTS", "gone")
    with pytest.raises(FileNotFoundError) as raised:
        check_inputs(make_cfg("ma_ms.yml", *image, "MODEL.BACKBONE.PRETRAIN_PATH", "gone.bin"), training=True)
    told, source = str(raised.value), "https://huggingface.co/lambdalabs/sd-image-variations-diffusers"
    assert f"image variations: no file gone.bin (MODEL.BACKBONE.PRETRAIN_PATH); get it from {source}" in told
    assert f"image variations: no folder gone (MODEL.DCAC.DIFFUSION.WEIGHTS); get it from {source}" in told


def test_who_lacks_weights_is_shown_the_way_without(make_cfg, tiny_data):
    photos = tiny_data / "DukeMTMC-reID"
    for config, opts, way in (
        ("own_photos.yml", ("DATASETS.ROOT", str(photos)), f"synthetic/own_photos.yml DATASETS.ROOT {photos}"),
        ("ma_ms.yml", (), "synthetic/ma_ms.yml"),
    ):
        cfg = make_cfg(config, *opts, "MODEL.DCAC.DIFFUSION.WEIGHTS", "gone")
        with pytest.raises(FileNotFoundError, match=f"need.* weights: .*{way}$|needs none of this: .*{way}$"):
            check_inputs(cfg, training=True)
