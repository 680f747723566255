"""The denoiser is any diffusers U-Net with cross-attention: small models with the structure of Stable Diffusion 1.5 and 2.1."""

import math

import pytest
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from dcac_fastreid.diffusion import DiffusionFeedback, adapt, stable_diffusion
from dcac_fastreid.diffusion.adaptation import TRAINED_PARTS
from dcac_fastreid.errors import InputError

SD15 = {"cross_attention_dim": 24, "attention_head_dim": 4}
SD21 = {
    "cross_attention_dim": 40,
    "attention_head_dim": [2, 4, 4, 4],
    "use_linear_projection": True,
    "upcast_attention": True,
}
STRUCTURES = {"1.5": SD15, "2.1": SD21}
PREDICTION = {"1.5": "epsilon", "2.1": "v_prediction"}
SCALING_FACTOR = {"1.5": 0.18215, "2.1": 0.25}


def unet(**structure):
    return UNet2DConditionModel(sample_size=8, block_out_channels=(16, 32, 32, 32), norm_num_groups=8, **structure)


def scheduler(prediction_type="epsilon", **settings):
    return DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=prediction_type, **settings
    )


@pytest.fixture(scope="session", params=STRUCTURES)
def version(request):
    return request.param


@pytest.fixture(scope="session")
def folder(version, tmp_path_factory):
    """A model folder in diffusers' layout."""
    folder = tmp_path_factory.mktemp(f"sd-{version}")
    torch.manual_seed(0)
    unet(**STRUCTURES[version]).save_pretrained(folder / "unet")
    scheduler(PREDICTION[version]).save_pretrained(folder / "scheduler")
    AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=4,
        scaling_factor=SCALING_FACTOR[version],
    ).save_pretrained(folder / "vae")
    return folder


def test_width_prediction_latent_scale_and_schedule_are_the_models_own(folder, version):
    denoiser = stable_diffusion.load_denoiser(folder)
    assert denoiser.condition_dim == STRUCTURES[version]["cross_attention_dim"]
    assert denoiser.prediction_type == PREDICTION[version]
    assert stable_diffusion.load_encoder(folder).scaling_factor == SCALING_FACTOR[version]
    other = stable_diffusion.StableDiffusionDenoiser(unet(**SD15), scheduler(num_train_timesteps=500))
    assert other.num_timesteps == 500 and other.alphas_cumprod.shape == (500,)


def test_zero_terminal_snr_of_a_scheduler_is_kept():
    """Some files of 2.1 say it: the last step is noise alone."""
    denoiser = stable_diffusion.StableDiffusionDenoiser(
        unet(**SD21), scheduler("v_prediction", rescale_betas_zero_snr=True)
    )
    assert denoiser.alphas_cumprod[-1] < 1e-7


def test_the_target_is_the_noise_or_the_velocity(folder, version):
    """v = sqrt(ᾱ) ε − sqrt(1 − ᾱ) z_0; and whichever is predicted, with z_t it gives z_0 and ε back."""
    denoiser = stable_diffusion.load_denoiser(folder)
    torch.manual_seed(0)
    latents, noise = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    timesteps = torch.tensor([0, 500, 999])
    noisy = denoiser.add_noise(latents, noise, timesteps)
    target = denoiser.target(latents, noise, timesteps)
    for i, t in enumerate(timesteps):
        a = math.sqrt(denoiser.alphas_cumprod[t])
        s = math.sqrt(1 - denoiser.alphas_cumprod[t])
        if version == "1.5":
            assert torch.equal(target[i], noise[i])
        else:
            torch.testing.assert_close(target[i], a * noise[i] - s * latents[i])
            torch.testing.assert_close(a * noisy[i] - s * target[i], latents[i], atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(s * noisy[i] + a * target[i], noise[i], atol=1e-5, rtol=1e-4)


def test_the_loss_is_that_of_the_models_own_kind_of_prediction(folder, version):
    """Eq. 11 from diffusers' own parts."""
    denoiser = stable_diffusion.load_denoiser(folder)
    torch.manual_seed(0)
    condition = torch.randn(2, 1, denoiser.condition_dim)
    latents, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    timesteps = torch.tensor([5, 700])
    steps = scheduler(PREDICTION[version])
    prediction = denoiser.unet(steps.add_noise(latents, noise, timesteps), timesteps, condition).sample
    expected = noise if version == "1.5" else steps.get_velocity(latents, noise, timesteps)
    loss = DiffusionFeedback(denoiser, seed=0).loss(condition, latents, noise, timesteps)
    torch.testing.assert_close(loss, ((prediction - expected) ** 2).mean())


def test_every_weight_lies_in_one_part(folder):
    denoiser = stable_diffusion.load_denoiser(folder)
    in_parts = [id(p) for modules in denoiser.parts().values() for module in modules for p in module.parameters()]
    assert sorted(in_parts) == sorted(id(p) for p in denoiser.parameters())


def test_lora_adapts_attention_and_feed_forward_and_no_projection(folder):
    """16 transformer blocks with two attentions each, as in both models; 2.1's proj_in and proj_out are linear too."""
    denoiser = stable_diffusion.load_denoiser(folder)
    assert denoiser.lora_layers() == {
        "to_q": 32, "to_k": 32, "to_v": 32, "to_out.0": 32, "ff.net.0.proj": 16, "ff.net.2": 16,
    }  # fmt: skip
    adapt(denoiser, tuning="lora", rank=2, alpha=1.0)
    adapted = [name for name, module in denoiser.named_modules() if hasattr(module, "lora_A")]
    assert len(adapted) == 4 * 32 + 16
    assert all(name.endswith(denoiser.lora_targets) and ".transformer_blocks." in name for name in adapted)


@pytest.mark.parametrize("tuning", TRAINED_PARTS)
def test_a_step_changes_what_the_mode_trains_and_a_checkpoint_holds_that(folder, tuning):
    denoiser = stable_diffusion.load_denoiser(folder)
    adapt(denoiser, tuning=tuning, rank=2, alpha=1.0, seed=3)
    feedback = DiffusionFeedback(denoiser, seed=0)
    feedback.connect_latents(lambda paths: torch.ones(len(paths), 8, 16, 16), scaling_factor=1.0)
    # Two tokens: with one, the cross-attention's softmax is 1, and queries and keys have no gradient.
    condition = torch.randn(2, 2, denoiser.condition_dim, requires_grad=True)
    before = {name: p.detach().clone() for name, p in feedback.named_parameters()}
    trainable = {name for name, p in feedback.named_parameters() if p.requires_grad}
    optimizer = torch.optim.Adam([condition, *feedback.parameters()], lr=1e-2, weight_decay=1e-2)
    for _ in range(2):  # LoRA's A has no gradient while B is 0
        optimizer.zero_grad()
        feedback(condition, ["a", "b"]).backward()
        assert condition.grad.abs().sum() > 0
        optimizer.step()
    assert {name for name, p in feedback.named_parameters() if not torch.equal(p, before[name])} == trainable
    saved = feedback.state_dict()
    assert saved.keys() == trainable

    other = stable_diffusion.load_denoiser(folder)
    # What is drawn and frozen is not saved: the run's seed draws it again.
    adapt(other, tuning=tuning, rank=2, alpha=1.0, seed=3 if tuning == "random" else 4)
    other = DiffusionFeedback(other, seed=0)
    other.load_state_dict(saved)  # strict: no frozen weight is missed
    assert all(torch.equal(p, q) for p, q in zip(feedback.parameters(), other.parameters(), strict=True))
    if saved:
        saved.pop(next(iter(saved)))
        with pytest.raises(RuntimeError, match="Missing key"):
            other.load_state_dict(saved)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 8},
         "asks for addition_embed_type 'text_time'"),  # Stable Diffusion XL
        ({"num_class_embeds": 4}, "asks for num_class_embeds 4"),
        ({"in_channels": 9}, "asks for 9 input channels for 4 of the latents"),  # inpainting
        ({"cross_attention_dim": [24, 24, 40, 40]}, "conditions of several widths"),
        ({"down_block_types": ("DownBlock2D",) * 4, "up_block_types": ("UpBlock2D",) * 4, "mid_block_type": None},
         "no condition"),
    ],
)  # fmt: skip
def test_a_unet_with_other_inputs_is_refused(change, sentence):
    with pytest.raises(InputError, match=sentence):
        stable_diffusion.StableDiffusionDenoiser(unet(**{**SD15, **change}), scheduler())
