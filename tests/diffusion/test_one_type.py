"""A denoiser that computes in bfloat16 throughout: when it does, and that its rounding is that of mixed precision."""

import pytest
import torch
from torch import nn

from dcac_fastreid.analysis.denoising import denoise
from dcac_fastreid.diffusion import DiffusionFeedback, adapt, lora_parameters, stable_diffusion
from dcac_fastreid.diffusion.adaptation import store_frozen_in


def adapted(sd_folder, tuning="lora"):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    adapt(denoiser, tuning=tuning, rank=4, alpha=1.0)
    torch.manual_seed(0)
    for weight in lora_parameters(denoiser):
        nn.init.normal_(weight, std=0.05)
    return denoiser


@pytest.mark.parametrize(
    ("tuning", "dtype", "whole"),
    [
        ("lora", torch.bfloat16, True),
        ("frozen", torch.bfloat16, True),
        ("lora", torch.float16, False),  # as the authors' code, under autocast
        ("partial1", torch.bfloat16, False),  # weights that train stay in fp32
    ],
)
def test_where_it_does(sd_folder, tuning, dtype, whole):
    denoiser = adapted(sd_folder, tuning)
    store_frozen_in(denoiser, dtype)
    assert denoiser.computes_in == (dtype if whole else None)
    types = {parameter.dtype for parameter in denoiser.parameters() if not parameter.requires_grad}
    assert types == ({dtype} if whole else {dtype, torch.float32})
    assert denoiser.alphas_cumprod.dtype == torch.float32  # the noise schedule
    assert all(parameter.dtype == torch.float32 for parameter in denoiser.parameters() if parameter.requires_grad)
    store_frozen_in(denoiser, torch.float32)
    assert denoiser.computes_in is None and {parameter.dtype for parameter in denoiser.parameters()} == {torch.float32}


def test_every_caller_may_bring_inputs_in_fp32(sd_folder):
    """With and without autocast, as analysis and telemetry call it, to the same bits."""
    denoiser = adapted(sd_folder)
    store_frozen_in(denoiser, torch.bfloat16)
    torch.manual_seed(1)
    latents, noise, condition = (
        torch.randn(2, 4, 8, 8),
        torch.randn(2, 4, 8, 8),
        torch.randn(2, 1, denoiser.condition_dim),
    )
    found = denoise(denoiser, latents, noise, 500, condition)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = denoise(denoiser, latents, noise, 500, condition)
    assert found.errors.dtype == torch.float32 and torch.equal(found.errors, again.errors)


def test_its_rounding_is_that_of_mixed_precision(sd_folder):
    """Loss and gradients against fp32: as far as under autocast, and the loss itself is in fp32."""
    torch.manual_seed(1)
    latents, noise, timesteps = torch.randn(16, 4, 8, 8), torch.randn(16, 4, 8, 8), torch.randint(0, 1000, (16,))
    results = []
    for stored, autocast in ((None, False), (None, True), (torch.bfloat16, True)):
        denoiser = adapted(sd_folder)
        if stored:
            store_frozen_in(denoiser, stored)
        condition = torch.randn(
            16, 1, denoiser.condition_dim, generator=torch.Generator().manual_seed(2)
        ).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = DiffusionFeedback(denoiser, seed=0).loss(condition, latents, noise, timesteps)
        loss.backward()
        adapters = torch.cat([weight.grad.flatten() for weight in lora_parameters(denoiser) if weight.grad is not None])
        assert loss.dtype == condition.grad.dtype == adapters.dtype == torch.float32
        results.append((loss.detach()[None], condition.grad, adapters))
    exact, mixed, whole = results
    for of_exact, of_mixed, of_whole in list(zip(exact, mixed, whole, strict=True))[1:]:
        errors = [((each - of_exact).norm() / of_exact.norm()).item() for each in (of_mixed, of_whole)]
        assert 0 < errors[1] < 1.6 * errors[0] < 0.02
    assert abs(whole[0] / exact[0] - 1) < 2e-3
