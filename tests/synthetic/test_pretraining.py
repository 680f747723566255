"""The small parts learn on a little web, are written where DCAC reads them, and the shipped ones are what their card says."""

import json
import shutil
from hashlib import sha256

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.diffusion.latents import read_view
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid.clip_vit import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.synthetic import card, parts, quality
from dcac_fastreid.synthetic.captions import tokenize
from dcac_fastreid.synthetic.pretraining import (
    PARTS,
    SOURCES,
    WEB_VERSION,
    Schedule,
    Web,
    image_states,
    pretrain,
    scaled,
    text_states,
)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    return Web(tmp_path_factory.mktemp("web"), 160)


@pytest.fixture(scope="module")
def unseen(tmp_path_factory):
    return Web(tmp_path_factory.mktemp("unseen"), 300, seed=77)


def test_a_web_is_drawn_once(web, tmp_path):
    assert web.images.shape == (160, 128, 64, 3) and len(web.traits) == 160
    again = Web(tmp_path, 160)
    assert (again.images == web.images).all() and again.traits == web.traits
    images = tmp_path / f"web-v{WEB_VERSION}-seed0-160" / "images.npy"
    modified = images.stat().st_mtime_ns
    Web(tmp_path, 160)
    assert images.stat().st_mtime_ns == modified


def test_what_the_diffusion_model_sees_is_the_view_of_a_training(web, tmp_path):
    views = web.views(np.arange(2))
    assert views.shape == (2, 3, 64, 64) and views.min() >= -1 and views.max() <= 1
    for index, seen in enumerate(views):
        Image.fromarray(web.images[index]).save(tmp_path / "image.png")
        expected = read_view(str(tmp_path / "image.png"), (64, 64)).float()
        assert ((seen + 1) * 127.5 - expected).abs().max() < 2  # grey levels; 0.5 is PIL's rounding


def test_captions_are_left_out_for_the_unet_alone(web):
    rng = np.random.default_rng(0)
    empty = tokenize([""])[0]
    untold = (web.tokens(np.zeros(400, int), rng, untold=0.1) == empty).all(dim=1).float().mean()
    assert 0.05 < untold < 0.16
    assert not (web.tokens(np.zeros(400, int), rng) == empty).all(dim=1).any()


@pytest.mark.slow
def test_all_parts_learn_and_are_read_by_dcac(web, tmp_path, caplog):
    caplog.set_level("INFO")
    for name in PARTS:
        pretrain(name, web, tmp_path, seed=3, device="cpu", schedule=Schedule(24, 16, 1e-3))
    losses = {name: [] for name in PARTS}
    for record in caplog.records:
        if ": step " in record.message:
            losses[record.message.split(":")[0]].append(float(record.message.split()[-1]))
    for name, values in losses.items():
        assert len(values) > 8 and np.mean(values[-3:]) < np.mean(values[:3]), name
    backbone = CLIPViT("synthetic-ViT-16", (128, 64)).eval()
    load_image_tower(backbone.tower, str(parts.part("clip", tmp_path)), interpolation="bilinear")
    images = scaled(web.images[:2])
    assert torch.allclose(backbone(images).flatten(1), parts.load_clip(tmp_path).encode_image(images), atol=1e-5)
    denoiser = stable_diffusion.load_denoiser(str(parts.part("stable-diffusion", tmp_path)))
    encoder = stable_diffusion.load_encoder(str(parts.part("stable-diffusion", tmp_path)))
    moments = encoder(torch.rand(2, 3, 64, 64) * 255)
    assert moments.shape == (2, 8, 8, 8) and encoder.scaling_factor == parts.load_vae(tmp_path).config.scaling_factor
    assert denoiser(torch.randn(2, 4, 8, 8), torch.tensor([1, 2]), torch.randn(2, 1, 64)).shape == (2, 4, 8, 8)


def test_a_unet_is_conditioned_on_the_image_embedding_of_the_small_clip(web, tmp_path, caplog, make_trainer):
    """And is read by DCAC from a folder of its own. CLIP and VAE are the shipped ones."""
    caplog.set_level("INFO")
    shutil.copy(parts.part("clip"), parts.part("clip", tmp_path))
    shutil.copytree(parts.part("stable-diffusion") / "vae", parts.part("stable-diffusion", tmp_path) / "vae")
    pretrain("image_unet", web, tmp_path, seed=3, device="cpu", schedule=Schedule(40, 16, 1e-3))
    values = [float(record.message.split()[-1]) for record in caplog.records if "image_unet: step " in record.message]
    assert np.mean(values[-5:]) < np.mean(values[:5])
    clip, unet = parts.load_clip(tmp_path), parts.load_unet("image_unet", tmp_path)
    states = image_states(clip, web)
    torch.testing.assert_close(states[5, 0], clip.encode_image(scaled(web.images[5:6]))[0].detach())
    errors = quality.noise_errors(unet, parts.load_vae(tmp_path), clip, web, "image_unet")
    assert errors["value"] == pytest.approx(errors["another's embedding"] / errors["own embedding"] - 1)
    weights = ("MODEL.DCAC.DIFFUSION.WEIGHTS", str(parts.part(parts.IMAGE_VARIATIONS, tmp_path)))
    trainer = make_trainer("ma_ms.yml", *weights, "MODEL.DCAC.CONDITIONER.NAME", "ImageEmbeddingConditioner")
    assert trainer.model.feedback.denoiser.condition_dim == 128


def test_a_seed_decides_a_part(web, tmp_path):
    for folder in ("one", "two"):
        pretrain("clip", web, tmp_path / folder, seed=3, device="cpu", schedule=Schedule(2, 16, 1e-3))
    one, two = (parts.part("clip", tmp_path / folder).read_bytes() for folder in ("one", "two"))
    assert one == two


def test_text_states_lead_to_the_texts_feature(web):
    clip = parts.new_clip(0).eval()
    tokens = tokenize(["a red hat"])
    states = text_states(clip, tokens)
    assert states.shape == (1, 32, 64)
    assert torch.allclose(states[0, 4] @ clip.text_projection, clip.encode_text(tokens)[0], atol=1e-6)


def test_another_part_is_an_error():
    with pytest.raises(InputError, match="there is no synthetic part 'vae'; expected synthetic:clip"):
        parts.part("vae")


# -- the shipped weights --


@pytest.fixture(scope="module")
def shipped():
    return json.loads((parts.WEIGHTS / card.CARD).read_text())


def test_the_card_is_of_the_shipped_files(shipped):
    files = sorted(parts.WEIGHTS.rglob("*.safetensors"))
    assert {file.relative_to(parts.WEIGHTS).as_posix() for file in files} == set(shipped["sha256"]) and len(files) == 5
    for file in files:
        assert sha256(file.read_bytes()).hexdigest() == shipped["sha256"][file.relative_to(parts.WEIGHTS).as_posix()]
    assert sum(file.stat().st_size for file in files) == shipped["bytes"] <= 20e6
    assert set(shipped["training"]) == set(PARTS)
    learned_from = {name: shipped["sha256"][parts.FILES[name]] for name in ("clip", "vae")}
    assert all(shipped["training"][name][SOURCES] == learned_from for name in parts.CONDITION_WIDTHS)
    assert shipped["sha256"][parts.FILES["image_vae"]] == learned_from["vae"], (
        "a training reads it beside the image_unet"
    )


def test_the_shipped_clip_names_what_it_has_not_seen(shipped, unseen):
    said = shipped["quality"]["clip_zero_shot"]
    for kind, measured in quality.zero_shot(parts.load_clip(), unseen).items():
        assert measured["accuracy"] == pytest.approx(said[kind]["accuracy"], abs=0.12), kind
        if kind in ("top colour", "bottom colour", "bottom", "scene"):
            assert measured["accuracy"] > measured["most_frequent"] + 0.1, kind


def test_the_shipped_vae_gives_images_back(shipped, unseen):
    said, measured = shipped["quality"]["vae"], quality.reconstruction(parts.load_vae(), unseen)
    assert measured["psnr_db"] == pytest.approx(said["psnr_db"], abs=1.0)
    assert measured["latent_std"] == pytest.approx(1.0, abs=0.1)
    mean = unseen.views(np.arange(100)).mean(dim=(2, 3), keepdim=True)
    colour_alone = F.mse_loss(mean.expand(-1, -1, 64, 64), unseen.views(np.arange(100)))
    assert measured["psnr_db"] > 10 * np.log10(4 / colour_alone.item()) + 4


@pytest.fixture(scope="module")
def errors_of(unseen) -> dict[str, dict[str, float]]:
    """What each shipped U-Net errs, by name."""
    models = parts.load_vae(), parts.load_clip(), unseen
    return {name: quality.noise_errors(parts.load_unet(name), *models, name) for name in parts.CONDITION_WIDTHS}


def test_the_shipped_unet_listens_to_captions(errors_of):
    errors = errors_of["unet"]
    assert errors["own caption"] < errors["no caption"] < errors["another's caption"]


def test_the_shipped_image_unet_listens_more_to_embeddings_than_the_other_to_captions(shipped, errors_of):
    """The condition's value; the card has it for 2,000 images, here are 300."""
    of_captions, of_embeddings = (errors_of[name]["value"] for name in ("unet", "image_unet"))
    assert of_embeddings == pytest.approx(shipped["quality"]["image_unet_noise_error"]["value"], abs=0.1)
    assert of_embeddings > 5 * of_captions


def test_sampled_images_are_of_the_colour_that_was_asked_for():
    asked = [
        f"a man in a {colour} plain shirt and {colour} trousers with no hat" for colour in ("red", "blue", "green")
    ]
    models = parts.load_unet("unet"), parts.load_vae(), parts.load_clip()
    image = np.asarray(quality.sampled(*models, asked, seed=1, steps=20, guidance=3.0), float)
    assert image.shape == (128, 3 * 64, 3)
    middles = [image[30:100, 64 * index + 20 : 64 * index + 44].mean(axis=(0, 1)) for index in range(3)]
    red, blue, green = middles
    assert red[0] - red[2] > blue[0] - blue[2] + 20
    assert green[1] - green[0] > red[1] - red[0]
