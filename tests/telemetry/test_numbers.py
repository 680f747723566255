"""Noise loss by timestep, entropy, displacement and verdict, on examples that can be checked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from dcac_fastreid.telemetry import StepTelemetry
from dcac_fastreid.telemetry.displacement import Displacement
from dcac_fastreid.telemetry.noise_loss import noise_loss_by_band, squared_errors
from dcac_fastreid.telemetry.probabilities import probability_numbers
from dcac_fastreid.telemetry.verdict import CONSECUTIVE, FeedbackVerdict


def test_noise_loss_is_a_mean_within_each_band():
    errors = torch.tensor([1.0, 3.0, 7.0, 5.0])
    numbers = noise_loss_by_band(errors, torch.tensor([0, 249, 250, 999]), 1000)
    assert list(numbers) == ["noise_loss_0_250", "noise_loss_250_500", "noise_loss_500_750", "noise_loss_750_1000"]
    assert [value.item() for value in numbers.values()][:2] == [2.0, 7.0]
    assert numbers["noise_loss_500_750"].isnan() and numbers["noise_loss_750_1000"] == 5.0


def test_errors_of_the_samples_are_those_of_the_loss():
    prediction, target = torch.tensor([[[[1.0, 2.0]]], [[[0.0, 4.0]]]], requires_grad=True), torch.zeros(2, 1, 1, 2)
    assert squared_errors(F.mse_loss(prediction, target)).tolist() == [2.5, 8.0]


def test_bands_of_a_real_step_add_up_to_the_loss(first_step):
    """A batch of 16 in micro-batches: the mean over the bands, weighted by their samples, is Eq. 11, here with λ = 1."""
    step = first_step("ma_ms.yml", "SOLVER.MICRO_BATCH", 5)
    drawn = []
    step.model.feedback.denoiser.register_forward_hook(lambda module, inputs, output: drawn.extend(inputs[1].tolist()))
    telemetry = StepTelemetry(step.model.backbone, step.model.heads, step.model.conditioner, step.model.feedback)
    telemetry.begin()
    losses = step.losses()
    timesteps = list(drawn)
    sum(losses.values()).backward()
    numbers = telemetry.end()
    bands = {name: value for name, value in numbers.items() if name.startswith("noise_loss_")}
    counts = {low: sum(low <= t < low + 250 for t in timesteps) for low in (0, 250, 500, 750)}
    assert set(bands) == {f"noise_loss_{low}_{low + 250}" for low, count in counts.items() if count}
    total = sum(counts[int(name.split("_")[2])] * value for name, value in bands.items())
    assert total / 16 == pytest.approx(losses["loss_diffusion"].item(), rel=1e-5)


def test_entropy_and_top1_of_hand_made_probabilities():
    numbers = probability_numbers(torch.tensor([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    assert numbers["condition_entropy"].item() == pytest.approx(math.log(2) / 2)
    assert numbers["condition_top1"].item() == pytest.approx(0.75)
    uniform = probability_numbers(torch.full((3, 4), 0.25))
    assert uniform["condition_entropy"].item() == pytest.approx(math.log(4))


def test_probabilities_of_a_step_are_those_that_mix_the_prompts(first_step):
    step = first_step("ma_ms.yml", "MODEL.DCAC.CONDITIONER.PROBS", "both")
    made = []
    conditioner, probabilities = step.model.conditioner, step.model.conditioner.probabilities
    conditioner.probabilities = lambda **read: made.append(probabilities(**read).detach()) or made[-1]
    telemetry = StepTelemetry(step.model.backbone, step.model.heads, conditioner, step.model.feedback)
    telemetry.begin()
    sum(step.losses().values()).backward()
    numbers = telemetry.end()
    p = made[-1].double()  # the conditioner's own, after the telemetry's
    assert numbers["condition_entropy"] == pytest.approx(-(p * p.log()).sum(1).mean().item(), rel=1e-5)
    assert numbers["condition_top1"] == pytest.approx(p.max(1).values.mean().item(), rel=1e-5)


def test_displacement_of_the_encoder_counts_its_frozen_weights(make_trainer):
    """All that trains grows by a tenth: so does its norm, beside that of the patch projection, which is frozen."""
    encoder = make_trainer("baseline/ma_ms.yml").model.backbone
    displacement = Displacement(encoder)
    assert displacement.numbers() == {}, "from where is not told"
    displacement.measure_from(encoder.state_dict())
    norms = {True: 0.0, False: 0.0}
    with torch.no_grad():
        for weight in encoder.parameters():
            norms[weight.requires_grad] += weight.double().square().sum().item()
            if weight.requires_grad:
                weight.mul_(1.1)
    assert norms[False] > 0
    expected = 0.1 * (norms[True] / (norms[True] + norms[False])) ** 0.5
    assert displacement.numbers()["encoder_displacement"].item() == pytest.approx(expected, rel=1e-4)
    assert list(displacement.numbers()) == ["encoder_displacement"]


def test_displacement_of_prompts_and_lora(make_trainer):
    """LoRA's against the products themselves."""
    model = make_trainer("ma_ms.yml", "MODEL.DCAC.LORA.ALPHA", 4.0).model
    displacement = Displacement(model.backbone, model.conditioner, model.feedback.denoiser)
    displacement.measure_from(model.backbone.state_dict())
    start = {name: value.item() for name, value in displacement.numbers().items()}
    assert start == {"encoder_displacement": 0, "prompts_displacement": 0, "lora_displacement": 0}
    updates = frozen = 0.0
    with torch.no_grad():
        model.conditioner.prompts.mul_(1.25)
        for layer in (m for m in model.feedback.denoiser.modules() if hasattr(m, "lora_A")):
            layer.lora_B["default"].weight.normal_()
            update = layer.get_delta_weight("default")  # peft's own s B A
            updates += update.double().square().sum()
            frozen += layer.base_layer.weight.double().square().sum()
    moved = displacement.numbers()
    assert moved["prompts_displacement"].item() == pytest.approx(0.25, rel=1e-5)
    assert moved["lora_displacement"].item() == pytest.approx((updates / frozen).sqrt().item(), rel=1e-4)


@pytest.mark.parametrize(
    "opts, names",
    [
        (("MODEL.DCAC.CONDITIONER.NAME", "InstanceWiseConditioner"), {"lora_displacement"}),
        (("MODEL.DCAC.DIFFUSION.TUNING", "frozen"), {"prompts_displacement"}),
    ],
)
def test_what_does_not_exist_has_no_displacement(make_trainer, opts, names):
    model = make_trainer("ma_ms.yml", *opts).model
    found = Displacement(model.backbone, model.conditioner, model.feedback.denoiser).numbers()
    assert set(found) == names


@pytest.mark.parametrize("ratio, word", [(0.0, "dead"), (5e-4, "drowned"), (11.0, "overwhelming"), (0.1, None)])
def test_a_verdict_is_said_once_and_after_some_samples(ratio, word):
    verdict = FeedbackVerdict()
    said = [verdict.hear(ratio) for _ in range(2 * CONSECUTIVE)]
    heard = [sentence for sentence in said if sentence]
    if word is None:
        assert heard == []
    else:
        assert said.index(heard[0]) == CONSECUTIVE - 1 and len(heard) == 1 and f"feedback is {word}" in heard[0]


def test_a_single_sample_is_no_verdict():
    verdict = FeedbackVerdict()
    assert [verdict.hear(ratio) for ratio in (0.0, 0.0, 0.1, 0.0, 0.0)] == [None] * 5
