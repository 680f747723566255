"""Stable Diffusion image variations: its folder as diffusers writes it, made of tiny random parts, trains by config alone."""

import json

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.errors import InputError
from dcac_fastreid.telemetry import StepTelemetry
from fastreid.utils.events import EventStorage

IMAGE_EMBEDDING = ("MODEL.DCAC.CONDITIONER.NAME", "ImageEmbeddingConditioner")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """image_encoder/ of the architecture synthetic-ViT-16 at 64 x 64, whose embedding of 128 conditions the U-Net."""
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionImageVariationPipeline, UNet2DConditionModel
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    encoder = CLIPVisionConfig(
        hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, image_size=64, patch_size=16,
        projection_dim=128, hidden_act="quick_gelu",
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=128, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        norm_num_groups=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(4, 4, 4, 4), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, norm_num_groups=4,
    )  # fmt: skip
    scheduler = PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )
    pipeline = StableDiffusionImageVariationPipeline(
        vae, CLIPVisionModelWithProjection(encoder), unet, scheduler, safety_checker=None,
        feature_extractor=CLIPImageProcessor(), requires_safety_checker=False,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("weights") / "sd-image-variations-diffusers"
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture
def of_folder(folder):
    """Settings that take both the diffusion model and the encoder from the folder."""
    encoder = str(folder / "image_encoder" / "model.safetensors")
    return ("MODEL.DCAC.DIFFUSION.WEIGHTS", str(folder), "MODEL.BACKBONE.PRETRAIN_PATH", encoder, *IMAGE_EMBEDDING)


def test_the_folder_has_the_published_layout(folder):
    """The parts that lambdalabs/sd-image-variations-diffusers names in its model_index.json."""
    index = json.loads((folder / "model_index.json").read_text())
    assert index["_class_name"] == "StableDiffusionImageVariationPipeline"
    parts = {"image_encoder", "feature_extractor", "unet", "vae", "scheduler"}
    assert parts <= index.keys() and all((folder / part).is_dir() for part in parts)
    assert not (folder / "text_encoder").exists()


def test_its_denoiser_predicts_what_diffusers_unet_does(folder):
    from diffusers import PNDMScheduler, UNet2DConditionModel

    denoiser = stable_diffusion.load_denoiser(folder)
    assert denoiser.condition_dim == 128 and denoiser.num_timesteps == 1000
    theirs = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").eval()
    latents, embedding, timesteps = torch.randn(2, 4, 8, 8), torch.randn(2, 1, 128), torch.tensor([3, 700])
    with torch.no_grad():
        expected = theirs(latents, timesteps, encoder_hidden_states=embedding).sample
        torch.testing.assert_close(denoiser(latents, timesteps, embedding), expected)
    schedule = PNDMScheduler.from_pretrained(folder, subfolder="scheduler").alphas_cumprod
    torch.testing.assert_close(denoiser.alphas_cumprod, schedule)


def test_the_condition_is_the_image_embedding_of_its_own_encoder(make_trainer, of_folder, folder):
    """As the pipeline computes it: image_embeds, not normalised, one token. At 64 x 64, where no position is resized."""
    from transformers import CLIPVisionModelWithProjection

    square = ("INPUT.SIZE_TRAIN", [64, 64], "INPUT.SIZE_TEST", [64, 64])
    model = make_trainer("ma_ms.yml", *of_folder, *square).model.eval()
    model.memory.reset(torch.randn(8, 128), torch.arange(8))
    images = torch.rand(3, 3, 64, 64) * 255
    conditions = model.conditions({"images": images.clone()}, torch.zeros(3, dtype=torch.int64))
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder").eval()
    with torch.no_grad():
        expected = encoder((images - 127.5) / 127.5).image_embeds
    torch.testing.assert_close(conditions[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_it_trains_and_its_feedback_reaches_the_encoder(make_trainer, of_folder):
    alone = ("MODEL.LOSSES.NAME", (), "MODEL.DCAC.CONDITIONER.VIEW", "identity", "MODEL.DCAC.TELEMETRY", 1)
    trainer = make_trainer("ma_ms.yml", *of_folder, *alone)
    before = trainer.model.backbone.tower.proj.detach().clone()
    trainer.resume_or_load(resume=False)
    trainer.train()
    assert not trainer.model.backbone.tower.proj.equal(before)
    assert "telemetry/condition_value" in trainer.storage.histories()


def test_its_gradients_are_split_before_the_bnneck(make_trainer, of_folder):
    """Against a backward pass of each loss on its own, at the encoder's embeddings."""
    trainer = make_trainer("ma_ms.yml", *of_folder)
    with EventStorage(0) as trainer.storage:
        trainer.epoch = trainer.iter = trainer.start_iter = 0
        trainer.before_train()
        trainer.before_epoch()
    model, batch = trainer.model, next(trainer._trainer._data_loader_iter)
    torch.nn.init.normal_(model.heads.weight, std=0.1)
    telemetry, maps = StepTelemetry(model.backbone, model.heads, model.conditioner, model.feedback), []
    model.heads.register_forward_hook(lambda heads, inputs, outputs: maps.append(inputs[0]))
    telemetry.begin()
    with EventStorage(0):
        losses = model(batch)
    diffusion = torch.autograd.grad(losses["loss_diffusion"], maps[0], retain_graph=True)[0].norm()
    reid = torch.autograd.grad(losses["loss_cls"] + losses["loss_pcl"], maps[0], retain_graph=True)[0].norm()
    telemetry._split._of_diffusion.clear()
    sum(losses.values()).backward()
    numbers = telemetry.end()
    assert numbers["diffusion_gradient"] == pytest.approx(diffusion.item(), rel=1e-3) and diffusion > 0
    assert numbers["reid_gradient"] == pytest.approx(reid.item(), rel=1e-3)


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        ((), "embedding has 128 numbers and the diffusion model's condition 64; set InstanceWiseConditioner"),
        (("MODEL.HEADS.POOL_LAYER", "GlobalAvgPool"), "POOL_LAYER GlobalAvgPool; expected Identity"),
    ],
)
def test_an_encoder_whose_embedding_does_not_fit_is_refused(make_cfg, opts, message):
    """The text-conditioned U-Net is conditioned on 64 numbers."""
    with pytest.raises(InputError, match=message):
        dcac_fastreid.DCACTrainer.build_model(
            make_cfg("ma_ms.yml", *IMAGE_EMBEDDING, "MODEL.HEADS.NUM_CLASSES", 8, *opts)
        )
