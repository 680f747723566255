import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import dcac_fastreid
from dcac_fastreid.analysis import diffusion_images, diffusion_samples
from dcac_fastreid.analysis.conditions import has_prompts, image_conditions, prompt_mixes
from dcac_fastreid.analysis.denoising import compared_conditions, denoise, noise_errors
from dcac_fastreid.analysis.identities import images_by_identity
from dcac_fastreid.analysis.latent_images import decoded, latents_of, seeded_noise
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.diffusion.latents import read_view
from dcac_fastreid.errors import InputError

FEW = {"number": 1, "steps": 2, "timesteps": (100, 500), "averaged": 4}


@pytest.fixture
def make_run(make_cfg, tmp_path):
    """An untrained run of a variant, its probabilities not all the same."""

    def make(*opts) -> Run:
        (tmp_path / "out").mkdir()
        cfg = make_cfg("ma_ms.yml", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 8, *opts)
        model = dcac_fastreid.DCACTrainer.build_model(cfg)
        torch.manual_seed(0)
        torch.nn.init.normal_(model.heads.weight, std=0.1)
        model.memory.reset(torch.randn(8, 128), torch.arange(8))
        torch.save({"model": model.state_dict()}, tmp_path / "out" / "model_final.pth")
        (tmp_path / "out" / "config.yaml").write_text(cfg.dump())
        return Run(tmp_path / "out" / "model_final.pth")

    return make


def test_the_condition_of_an_image_is_the_trainings(dcac_run):
    """Eq. 12 by hand."""
    images = dcac_run.training_images[3:6]
    model = dcac_run.training_model
    with torch.no_grad():
        features = model(dcac_run.batch(images))
        expected = torch.softmax(features @ model.heads.weight.T / 0.6, dim=1) @ model.conditioner.prompts
    torch.testing.assert_close(image_conditions(dcac_run, images)[:, 0], expected, atol=1e-4, rtol=1e-4)


def test_mixes_of_prompts_pass_the_transform(make_run):
    run = make_run("MODEL.DCAC.CONDITIONER.TRANSFORM", "silu")
    prompts = run.training_model.conditioner.prompts.detach()
    mixed = prompt_mixes(run, [{2: 1.0}, {1: 0.25, 5: 0.75}])
    assert mixed.shape == (2, 1, 64)
    torch.testing.assert_close(mixed[:, 0], F.silu(torch.stack([prompts[2], 0.25 * prompts[1] + 0.75 * prompts[5]])))


def test_errors_are_those_of_the_diffusion_loss(dcac_run):
    """Eq. 11 is their mean, under each condition with the same noise."""
    images = dcac_run.training_images[::12]
    feedback, latents = dcac_run.training_model.feedback, latents_of(dcac_run, images)
    noise, own = seeded_noise(dcac_run, len(images), latents.shape[1:], seed=1), image_conditions(dcac_run, images)
    conditions = compared_conditions(own, own.roll(-1, 0))
    errors = noise_errors(feedback.denoiser, latents, noise, (250, 750), conditions)
    assert list(errors) == [(t, name) for t in (250, 750) for name in ("own", "another's", "none")]
    for (timestep, name), found in errors.items():
        with torch.no_grad():
            expected = feedback.loss(conditions[name], latents, noise, torch.full((len(images),), timestep))
        assert found.mean().item() == pytest.approx(expected.item(), rel=1e-5)
    assert not conditions["none"].any() and torch.equal(conditions["another's"][0], own[1])


def test_without_noise_the_image_comes_back(dcac_run):
    """At timestep 0, where z_t is nearly z_0, whatever is predicted; through the decoder, near the image itself."""
    images = dcac_run.training_images[:2]
    latents, condition = latents_of(dcac_run, images), image_conditions(dcac_run, images)
    found = denoise(dcac_run.training_model.feedback.denoiser, latents, torch.zeros_like(latents), 0, condition)
    assert (found.estimate - latents).abs().mean() < 0.05 * latents.abs().mean()
    shown = decoded(dcac_run, found.estimate)
    original = dcac_run.batch(images)["images"].permute(0, 2, 3, 1).numpy()
    assert shown.shape == original.shape == (2, 128, 64, 3) and shown.dtype == np.uint8
    assert np.abs(shown - original).mean() < 30 < np.abs(shown[::-1] - original).mean() + 15


def test_latents_are_the_scaled_mean_of_the_posterior(dcac_run, monkeypatch):
    encoder, images = dcac_run.image_encoder, dcac_run.training_images[:2]
    monkeypatch.setattr(encoder, "scaling_factor", 0.5)
    views = torch.stack([read_view(image.path, (64, 64)) for image in images])
    with torch.no_grad():
        expected = 0.5 * encoder.vae.encode(views / 127.5 - 1).latent_dist.mean
    torch.testing.assert_close(latents_of(dcac_run, images), expected)


def test_noise_follows_from_the_seed(dcac_run):
    one, same, other = (seeded_noise(dcac_run, 2, (4, 8, 8), seed) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_images_are_the_same_for_the_same_seed(dcac_run):
    samples, denoised = diffusion_images.sections(dcac_run, **FEW)
    assert [samples.name, denoised.name] == ["diffusion-samples", "diffusion-reconstructions"]
    assert "The prompt is the identity's row of P in Eq. 12" in samples.caption
    assert "of 4 training images" in denoised.grid.title and denoised.grid.header[-2] == "no condition"
    assert denoised.grid.rows[0][0] == "t = 100" and denoised.grid.rows[0][1].startswith("0.")
    for image in (samples, denoised):
        assert Image.open(io.BytesIO(image.png)).format == "PNG"
    assert diffusion_images.sections(dcac_run, **FEW) == [samples, denoised]


def test_samples_go_from_a_to_b(dcac_run):
    groups = images_by_identity(dcac_run)
    conditions = diffusion_samples._conditions(dcac_run, [(groups[2], groups[5])])
    prompts = dcac_run.training_model.conditioner.prompts.detach()
    means = [image_conditions(dcac_run, groups[label])[:, 0].mean(0) for label in (2, 5)]
    expected = [means[0], prompts[2], (prompts[2] + prompts[5]) / 2, prompts[5], means[1]]
    torch.testing.assert_close(torch.stack([each[0, 0] for each in conditions.values()]), torch.stack(expected))
    assert [title[0] for title in conditions] == ["A", "p", "h", "p", "B"]


def test_a_scheme_without_prompts_shows_what_it_gives_to_images(make_run):
    run = make_run("MODEL.DCAC.CONDITIONER.NAME", "InstanceWiseConditioner")
    assert not has_prompts(run)
    samples, _ = diffusion_images.sections(run, **FEW)
    assert "InstanceWiseConditioner has no prompts" in samples.caption


def test_the_class_wise_scheme_has_the_images_own_label(make_run):
    """p_iy P[y], Table 7."""
    run = make_run("MODEL.DCAC.CONDITIONER.NAME", "ClassWiseConditioner")
    images = run.training_images[::7]
    labels, model = torch.tensor([image.label for image in images]), run.training_model
    with torch.no_grad():
        probabilities = torch.softmax(model(run.batch(images)) @ model.heads.weight.T / 0.6, dim=1)
        expected = probabilities.gather(1, labels[:, None]) * model.conditioner.prompts[labels]
    assert has_prompts(run)
    torch.testing.assert_close(image_conditions(run, images)[:, 0], expected, atol=1e-4, rtol=1e-4)


def test_a_baseline_is_one_sentence(baseline_run):
    with pytest.raises(InputError, match="has no diffusion side, it is of PrototypicalBaseline"):
        diffusion_images.sections(baseline_run)


@pytest.mark.parametrize(
    "option, sentence",
    [
        ({"timesteps": (500, 1000)}, "noise at timesteps 500, 1000 is asked for; expected some of 0 to 999"),
        ({"timesteps": ()}, "noise at timesteps none is asked for"),
        ({"steps": 0}, "sampling in 0 steps is asked for"),
        ({"number": 0}, "images of 0 identities are asked for"),
        ({"guidance": float("nan")}, "guidance nan is asked for; expected a finite number"),
        ({"averaged": 1}, "a mean over 1 images is asked for; expected 2 or more"),
    ],
)
def test_options_out_of_range_are_one_sentence(dcac_run, option, sentence):
    with pytest.raises(InputError, match=sentence):
        diffusion_images.sections(dcac_run, **(FEW | option))
