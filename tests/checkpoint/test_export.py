import re

import pytest
import torch
from safetensors.torch import load_file

import dcac_fastreid
from dcac_fastreid import data
from dcac_fastreid.checkpoint import carried_config
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.dcac import attach_training_side
from dcac_fastreid.diffusion.stable_diffusion import load_denoiser
from fastreid.modeling import build_model


@pytest.fixture
def trained(make_cfg, tmp_path):
    """A model with 8 identities, its LoRA and its neck not as they began, and the config of its checkpoint."""

    def trained(name, *opts):
        file = tmp_path / "model_final.pth"
        cfg = make_cfg(
            name, "MODEL.WEIGHTS", str(file), "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 8, *opts
        )
        model = build_model(cfg)
        if cfg.MODEL.META_ARCHITECTURE == "DCAC":
            weights = data.with_local_weights(cfg).MODEL.DCAC.DIFFUSION.WEIGHTS
            attach_training_side(model, cfg, load_denoiser(weights))
        torch.manual_seed(0)
        for key, parameter in model.named_parameters():
            if "lora_" in key or "bottleneck" in key:
                torch.nn.init.normal_(parameter, std=0.5)
        torch.save({"model": model.state_dict(), "epoch": 3}, file)
        return model.eval(), cfg

    return trained


def pipeline_of(cfg):
    """diffusers' own pipeline, of the config's Stable Diffusion folder."""
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    folder = data.with_local_weights(cfg).MODEL.DCAC.DIFFUSION.WEIGHTS
    return StableDiffusionPipeline(
        unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet"),
        vae=AutoencoderKL.from_pretrained(folder, subfolder="vae"),
        scheduler=DDPMScheduler.from_pretrained(folder, subfolder="scheduler", steps_offset=1),
        text_encoder=None,
        tokenizer=None,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.mark.parametrize(
    "opts",
    [
        ("MODEL.DCAC.LORA.RANK", 8),
        ("MODEL.DCAC.LORA.RANK", 32),
        ("MODEL.DCAC.LORA.RANK", 8, "MODEL.DCAC.LORA.ALPHA", 3.0),
        ("MODEL.DCAC.LORA.RANK", 8, "MODEL.DCAC.LORA.TARGETS", ("to_q", "ff.net.0.proj", "ff.net.2")),
    ],
    ids=["rank 8", "rank 32", "another alpha", "another choice of layers"],
)
@torch.no_grad()
def test_diffusers_own_pipeline_loads_the_lora(opts, trained, tmp_path):
    """And its U-Net predicts our noise: the scale 1 / r is in the file."""
    model, cfg = trained("ma_ms.yml", *opts)
    export_weights(cfg, tmp_path / "exported")
    pipeline = pipeline_of(cfg)
    torch.manual_seed(0)
    noisy, timesteps, condition = torch.randn(2, 4, 8, 8), torch.tensor([10, 900]), torch.randn(2, 1, 64)
    without = pipeline.unet(noisy, timesteps, condition).sample
    pipeline.load_lora_weights(tmp_path / "exported" / "lora")
    ours = model.feedback.denoiser(noisy, timesteps, condition)
    theirs = pipeline.unet(noisy, timesteps, condition).sample
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)
    assert (theirs - without).abs().max() > 1e-2, "the LoRA does something"


def test_the_encoder_is_rebuilt_from_its_two_files(trained, tmp_path):
    """Without the run's config, its data and Stable Diffusion."""
    model, cfg = trained("ma_ms.yml")
    export_weights(cfg, tmp_path / "exported")
    again = dcac_fastreid.load_config(str(tmp_path / "exported" / "encoder.yml"), ["MODEL.DEVICE", "cpu"])
    rebuilt = build_model(again).eval()
    weights = load_file(tmp_path / "exported" / "encoder.safetensors")
    assert not [key for key in weights if not key.startswith(("backbone.tower.", "heads.bottleneck.0."))]
    rebuilt.load_state_dict(weights, strict=False)
    images = 255 * torch.rand(2, 3, *again.INPUT.SIZE_TEST)
    assert torch.equal(rebuilt({"images": images.clone()}), model({"images": images.clone()}))


def test_the_encoders_config_says_no_more_than_the_encoder(trained, tmp_path):
    _, cfg = trained("baseline/ma_ms.yml")
    export_weights(cfg, tmp_path)
    text = (tmp_path / "encoder.yml").read_text()
    for expected in ("ARCH: synthetic-ViT-16", "FEAT_DIM: 128", "PIXEL_MEAN:", "PRETRAIN: false", "SIZE_TEST:"):
        assert expected in text
    assert "SOLVER" not in text and "DATASETS" not in text
    assert carried_config(tmp_path / "encoder.safetensors") == text


def test_the_prompts_are_exported(trained, tmp_path):
    model, cfg = trained("ma_ms.yml")
    files, absent = export_weights(cfg, tmp_path)
    prompts = load_file(tmp_path / "prompts.safetensors")
    assert prompts.keys() == {"prompts"} and torch.equal(prompts["prompts"], model.conditioner.prompts)
    assert [file.name for file, _ in files] == [
        "encoder.safetensors", "encoder.yml", "prompts.safetensors", "pytorch_lora_weights.safetensors",
    ]  # fmt: skip
    assert absent == []


@pytest.mark.parametrize(
    ("name", "opts", "absent"),
    [
        ("baseline/ma_ms.yml", (), ["no ID prompts: the checkpoint holds none", "no LoRA: the checkpoint holds none"]),
        (
            "ma_ms.yml",
            ("MODEL.DCAC.DIFFUSION.TUNING", "full"),
            ["no LoRA: .*, but [1-9].* MB of the U-Net's own weights"],
        ),
    ],
)
def test_what_a_checkpoint_does_not_hold_is_said(name, opts, absent, trained, tmp_path):
    _, cfg = trained(name, *opts)
    said = export_weights(cfg, tmp_path / "exported")[1]
    assert len(said) == len(absent)
    assert all(re.match(expected, sentence) for expected, sentence in zip(absent, said, strict=True)), said
    assert not (tmp_path / "exported" / "lora").exists()


def test_another_rank_than_the_configs_is_refused(trained, make_cfg, tmp_path):
    """The scale would be wrong."""
    trained("ma_ms.yml", "MODEL.DCAC.LORA.RANK", 8)
    cfg = make_cfg("ma_ms.yml", "MODEL.WEIGHTS", str(tmp_path / "model_final.pth"), "MODEL.DCAC.LORA.RANK", 32)
    with pytest.raises(ValueError, match="LoRA has rank 8, the config's MODEL.DCAC.LORA.RANK is 32"):
        export_weights(cfg, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


@pytest.mark.parametrize(
    "content",
    [{"weight": torch.zeros(1)}, {"model": {1: torch.zeros(1), "backbone.a": torch.zeros(1)}}],
    ids=["no entry", "a number for a name"],
)
def test_what_is_no_checkpoint_is_refused(content, make_cfg, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="no entry 'model'"):
        export_weights(make_cfg("ma_ms.yml", "MODEL.WEIGHTS", str(tmp_path / "other.pth")), tmp_path / "exported")
    with pytest.raises(ValueError, match="add MODEL.WEIGHTS"):
        export_weights(make_cfg("ma_ms.yml"), tmp_path / "exported")
