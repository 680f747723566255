"""The short way through a cross-attention to one token is the long one, to the last digits; elsewhere the long one is taken."""

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DConditionModel

from dcac_fastreid.diffusion import adapt
from dcac_fastreid.diffusion.one_token import OneTokenAttention
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser


def unet(**settings):
    torch.manual_seed(0)
    return UNet2DConditionModel(
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=24,
        attention_head_dim=4,
        **settings,
    ).double()


def denoiser(tuning="lora", **settings):
    made = StableDiffusionDenoiser(unet(**settings), DDPMScheduler())
    adapt(made, tuning=tuning, rank=2, alpha=2.0)
    made.double()
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(1))
    return made


def lengthened(made):
    """The same denoiser with diffusers' own processors."""
    for module in made.modules():
        if hasattr(module, "processor") and isinstance(module.processor, OneTokenAttention):
            module.set_processor(module.processor.ordinary)
    return made


def prediction(made, tokens=1, **kwargs):
    """And the gradient at the condition."""
    generator = torch.Generator().manual_seed(2)
    noisy = torch.randn(3, 4, 8, 8, generator=generator, dtype=torch.float64)
    condition = torch.randn(3, tokens, 24, generator=generator, dtype=torch.float64).requires_grad_()
    result = made.unet(noisy, torch.tensor([5, 400, 990]), encoder_hidden_states=condition, **kwargs).sample
    result.square().mean().backward()
    return result.detach(), condition.grad


@pytest.mark.parametrize("tuning", ["frozen", "lora", "full"])
def test_one_token_gives_the_same_prediction_and_gradients(tuning):
    short, long = denoiser(tuning), lengthened(denoiser(tuning))
    for got, expected in zip(prediction(short), prediction(long), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)
    for (name, p), q in zip(short.named_parameters(), long.parameters(), strict=True):
        if p.grad is not None:
            torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-13, msg=name)
        elif q.grad is not None:
            assert q.grad.abs().max() < 1e-15, name


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_what_is_called_unused_is_what_gets_no_gradient(tuning):
    made = denoiser(tuning)
    prediction(made)
    without = {name for name, p in made.named_parameters() if p.requires_grad and p.grad is None}
    unused = set(made.unused_parameters(1))
    assert without == {name for name, p in made.named_parameters() if p.requires_grad and p in unused}
    assert any("attn2.to_q" in name for name in without) and any("attn2.to_k" in name for name in without)
    assert not any("attn1" in name or "to_v" in name or "to_out" in name for name in without)


def test_queries_and_keys_are_not_computed():
    made, called = denoiser(), []
    for name, module in made.named_modules():
        if name.endswith(("attn2.to_q", "attn2.to_k", "attn2.to_v")):
            module.register_forward_hook(lambda *_, name=name: called.append(name.rpartition(".")[2]))
    prediction(made)
    assert set(called) == {"to_v"}


def test_two_tokens_take_the_ordinary_way_with_all_its_gradients():
    short, long = denoiser(), lengthened(denoiser())
    for got, expected in zip(prediction(short, tokens=2), prediction(long, tokens=2), strict=True):
        assert torch.equal(got, expected)
    assert all(p.grad is not None for p in short.parameters() if p.requires_grad)
    assert list(short.unused_parameters(2)) == []


def test_a_masked_token_takes_the_ordinary_way():
    mask = torch.tensor([[1], [0], [1]])
    got, _ = prediction(denoiser(), encoder_attention_mask=mask)
    expected, _ = prediction(lengthened(denoiser()), encoder_attention_mask=mask)
    assert torch.equal(got, expected)


def test_a_cross_attention_with_dropout_keeps_its_own_processor():
    model = unet()
    for module in model.modules():
        if hasattr(module, "to_out"):
            module.to_out[1].p = 0.1
    made = StableDiffusionDenoiser(model, DDPMScheduler())
    assert not any(isinstance(getattr(m, "processor", None), OneTokenAttention) for m in made.modules())
    assert list(made.unused_parameters(1)) == []
