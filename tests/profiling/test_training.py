"""The benchmark's variants compute the same losses with fewer and fewer operations."""

import pytest
import torch

from dcac_fastreid.profiling.flops import training_flops
from dcac_fastreid.profiling.step_parts import PARTS
from dcac_fastreid.profiling.training import Training, time_other, time_variants
from dcac_fastreid.profiling.variants import CUMULATIVE
from dcac_fastreid.profiling.workload import OTHERS

pytestmark = pytest.mark.slow

ON_CPU = [name for name in CUMULATIVE if name != "+bf16"]


@pytest.fixture(scope="module")
def figures(tiny):
    return time_variants(tiny, ON_CPU, rounds=2)


def test_variants_have_the_same_losses(figures):
    plain = figures["plain"]["losses"]
    assert set(plain) == {"loss_cls", "loss_pcl", "loss_diffusion"}
    for name in ON_CPU:
        assert figures[name]["losses"] == pytest.approx(plain, rel=1e-5), name


def test_latents_at_hand_leave_the_vae_out(figures):
    assert figures["plain"]["operations"]["vae"] > 50 and figures["plain"]["parts_s"]["vae"] > 0
    assert "vae" not in figures["+latents"]["operations"] and figures["+latents"]["parts_s"]["vae"] == 0


def test_the_shortcut_takes_operations_from_both_passes_of_the_unet(figures):
    before, after = figures["+latents"]["operations"], figures["+shortcut"]["operations"]
    assert after["unet_forward"] < 0.9 * before["unet_forward"]
    assert after["unet_backward"] < 0.9 * before["unet_backward"]
    assert after["encoder_forward"] == before["encoder_forward"]


def test_our_optimizer_is_one_of_few_operations(figures):
    assert figures["+optimizer"]["operations"]["optimizer"] < 50
    assert figures["+class-token"]["operations"]["optimizer"] > 1000  # a group for every weight


def test_joined_operations_are_fewer_in_all_passes(figures):
    before, after = figures["+class-token"]["operations"], figures["+joined"]["operations"]
    for part in ("encoder_forward", "encoder_backward", "unet_forward", "unet_backward"):
        assert after[part] < 0.85 * before[part], part


def test_flops_fall_from_variant_to_variant(tiny):
    flops = training_flops(tiny, ["plain", "+latents", "+shortcut", "+class-token", "+optimizer", "baseline"])
    plain, latents, shortcut, class_token, last, baseline = flops.values()
    assert plain > latents > shortcut > class_token == last > baseline


def test_parts_make_up_the_step(figures):
    for name in ON_CPU:
        parts, step = figures[name]["parts_s"], figures[name]["step_s"]
        assert set(parts) == set(PARTS)
        assert all(parts[part] > 0 for part in PARTS if part != "vae")
        assert sum(parts.values()) == pytest.approx(step["median"], rel=0.1)  # 2 rounds: the median of sums


def test_ratios_are_of_the_same_round(figures):
    assert figures["plain"]["ratio_to_plain"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    ratio = figures["+onednn"]["ratio_to_plain"]
    assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]


def test_channels_last_comes_and_goes(tiny):
    training = Training(tiny, "ma_ms")
    weight = training.model.feedback.denoiser.unet.conv_in.weight
    for name, expected in (("+class-token", False), ("+channels_last", True), ("plain", False)):
        training.variants.choose(name)
        assert weight.is_contiguous(memory_format=torch.channels_last) == expected


def test_under_autocast_bf16_weights_leave_the_losses(tiny):
    training = Training(tiny, "ma_ms")
    training.cfg.defrost()
    training.cfg.SOLVER.AMP.ENABLED = True
    step = training.step(torch.optim.SGD(training.model.parameters(), lr=0.0))
    losses, types = [], []
    for name in ("+channels_last", "+bf16"):
        training.variants.choose(name)
        losses.append(step.examine()[0])
        types.append(training.model.feedback.denoiser.unet.conv_in.weight.dtype)
    assert types == [torch.float32, torch.bfloat16]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)  # the U-Net in bfloat16 throughout


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_are_timed(tiny, name):
    """The baseline has no U-Net; of the U-Net's weights none train in "frozen", all in "full", whose update is not timed."""
    figures = time_other(tiny, name, rounds=1)
    parts, operations = figures["parts_s"], figures["operations"]
    assert (parts["unet_forward"] > 0) == (name != "baseline")
    assert figures["optimizer_timed"] == ("optimizer" in operations) == (name != "full")
    assert figures["losses"].keys() >= {"loss_cls", "loss_pcl"}
