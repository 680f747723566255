import pytest
import torch

from dcac_fastreid.diffusion import adapt, stable_diffusion


def noise_prediction(denoiser):
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(2, 4, 8, 8, generator=generator)
    condition = torch.randn(2, 1, 64, generator=generator)
    return denoiser(noisy, torch.tensor([10, 900]), condition)


def test_lora_changes_nothing_at_first_and_trains_its_adapters_alone(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    before = noise_prediction(denoiser)
    adapt(denoiser, tuning="lora", rank=4, alpha=1.0)
    assert torch.equal(noise_prediction(denoiser), before)
    trainable = [name for name, parameter in denoiser.named_parameters() if parameter.requires_grad]
    assert trainable and all(".lora_A." in name or ".lora_B." in name for name in trainable)


def test_lora_is_equation_9(sd_folder):
    """h' = W h + s B A h with s = alpha / r."""
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    adapt(denoiser, tuning="lora", rank=4, alpha=1.0)
    layer = next(module for name, module in denoiser.named_modules() if name.endswith("attn1.to_q"))
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.nn.init.normal_(B)
    h = torch.randn(5, A.shape[1])
    torch.testing.assert_close(layer(h), h @ layer.base_layer.weight.T + h @ A.T @ B.T / 4)


def test_frozen_trains_nothing(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    adapt(denoiser, tuning="frozen", rank=8, alpha=1.0)
    assert not any(parameter.requires_grad for parameter in denoiser.parameters())


def test_unknown_modes_and_patterns_without_a_layer_are_refused(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    with pytest.raises(ValueError, match="'lorra'; known modes are frozen, lora"):
        adapt(denoiser, tuning="lorra", rank=8, alpha=1.0)
    denoiser.lora_targets = ("to_q", "to_x")
    with pytest.raises(ValueError, match="'to_x' matches none"):
        adapt(denoiser, tuning="lora", rank=8, alpha=1.0)
