import pytest
import torch

from dcac_fastreid.diffusion import DiffusionFeedback, adapt, stable_diffusion
from dcac_fastreid.diffusion.feedback import ANY


@pytest.fixture
def feedback(sd_folder):
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    adapt(denoiser, tuning="lora", rank=4, alpha=1.0)
    return DiffusionFeedback(denoiser, seed=0)


def test_loss_is_the_mean_squared_error_of_the_noise(feedback):
    """Eq. 11, by hand from the U-Net itself."""
    torch.manual_seed(0)
    condition, latents, noise = torch.randn(2, 1, 64), torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    timesteps = torch.tensor([5, 700])
    alpha_bar = feedback.denoiser.alphas_cumprod[timesteps].view(2, 1, 1, 1)
    noisy = alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * noise
    prediction = feedback.denoiser.unet(noisy, timesteps, encoder_hidden_states=condition).sample
    expected = sum(((noise[i] - prediction[i]) ** 2).sum() for i in range(2)) / noise.numel()
    torch.testing.assert_close(feedback.loss(condition, latents, noise, timesteps), expected)


def test_gradient_leaves_through_the_condition(feedback):
    condition = torch.randn(2, 1, 64, requires_grad=True)
    feedback.connect_latents(lambda paths: torch.randn(len(paths), 8, 8, 8), scaling_factor=1.0)
    feedback(condition, ["a", "b"]).backward()
    assert condition.grad.abs().sum() > 0


def test_its_random_numbers_are_its_own(feedback):
    """The same augmentation with and without the branch: torch's global generator is not touched."""
    feedback.connect_latents(lambda paths: torch.ones(len(paths), 8, 8, 8), scaling_factor=1.0)
    state = torch.get_rng_state()
    first = feedback(torch.ones(2, 1, 64), ["a", "b"])
    assert torch.equal(state, torch.get_rng_state())
    assert feedback(torch.ones(2, 1, 64), ["a", "b"]) != first


def test_a_step_draws_normal_noise_and_uniform_timesteps(feedback, monkeypatch):
    """Eq. 10: ε ~ N(0, I), t ~ Uniform{0..999}, one for each image."""
    drawn = []
    monkeypatch.setattr(feedback, "loss", lambda *args: drawn.append(args))
    sharp = torch.cat([torch.full((4000, 4, 2, 2), 3.0), torch.full((4000, 4, 2, 2), -30.0)], 1)
    feedback.connect_latents(lambda paths: sharp, scaling_factor=0.5)
    feedback(torch.zeros(4000, 1, 64), ["a"] * 4000)
    _, latents, noise, timesteps = drawn[0]
    torch.testing.assert_close(latents, torch.full((4000, 4, 2, 2), 1.5), rtol=0, atol=1e-4)
    assert abs(noise.mean()) < 0.02 and abs(noise.std() - 1) < 0.02
    assert timesteps.shape == (4000,) and timesteps.min() < 10 and timesteps.max() > 989
    assert abs(timesteps.float().mean() - 499.5) < 20


def test_shuffled_every_image_gets_another_ones_condition(feedback, monkeypatch):
    """A permutation without a fixed point, another one at each step, from the branch's own generator."""
    drawn = []
    monkeypatch.setattr(feedback, "loss", lambda condition, *args: drawn.append(condition[:, 0, 0].long()))
    feedback.view = ANY
    feedback.connect_latents(lambda paths: torch.ones(len(paths), 8, 2, 2), scaling_factor=1.0)
    own, state = torch.arange(16), torch.get_rng_state()
    for _ in range(50):
        feedback(own.float()[:, None, None].expand(-1, 1, 64), ["a"] * 16)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(order.sort().values, own) and (order != own).all() for order in drawn)
    assert len({tuple(order.tolist()) for order in drawn}) == 50
    assert (torch.stack(drawn).float().std(0) > 3).all()  # uniform over 16 places: 4.6


def test_shuffled_a_lone_image_keeps_its_condition(feedback):
    feedback.view = ANY
    feedback.connect_latents(lambda paths: torch.ones(len(paths), 8, 8, 8), scaling_factor=1.0)
    assert feedback(torch.ones(1, 1, 64), ["a"]).isfinite()


@pytest.mark.parametrize("view", ["identity", "camera"])
def test_the_condition_of_another_view_meets_the_latent_of_the_path(feedback, monkeypatch, view):
    """Row i has the value i in condition and moments; the identities are 0, 0, 1, 1, ... and each has two cameras."""
    drawn = []
    monkeypatch.setattr(feedback, "loss", lambda condition, latents, *args: drawn.append((condition, latents)))
    feedback.view = view
    feedback.connect_latents(
        lambda paths: torch.tensor([[float(p)] * 4 + [-30.0] * 4 for p in paths])[..., None, None], 1.0
    )
    own = torch.arange(8)
    feedback(own.float()[:, None, None], [str(index) for index in range(8)], own // 2, own % 2)
    condition, latents = drawn[0]
    assert condition[:, 0, 0].tolist() == [1, 0, 3, 2, 5, 4, 7, 6]
    torch.testing.assert_close(latents[:, 0, 0, 0], own.float(), rtol=0, atol=1e-4)


def test_the_gradient_goes_to_the_image_whose_condition_it_is(feedback):
    """Of three images, the first two of one person; only the first one's latent gives feedback, and the second has made its
    condition."""
    feedback.view = "identity"
    feedback.connect_latents(lambda paths: torch.randn(len(paths), 8, 8, 8), scaling_factor=1.0)
    condition, whole = torch.randn(3, 1, 64, requires_grad=True), feedback.loss
    feedback.loss = lambda condition, *args: whole(condition[:1], *(each[:1] for each in args))
    feedback(condition, ["a", "b", "c"], torch.tensor([0, 0, 1])).backward()
    assert condition.grad.flatten(1).any(1).tolist() == [False, True, False]


def test_without_latents_it_says_so(feedback):
    with pytest.raises(RuntimeError, match="DCACTrainer"):
        feedback(torch.ones(2, 1, 64), ["a", "b"])


def test_a_checkpoint_holds_what_trained_and_nothing_of_stable_diffusion(feedback, sd_folder):
    saved = feedback.state_dict()
    trained = {name: p for name, p in feedback.named_parameters() if p.requires_grad}
    assert saved.keys() == trained.keys()
    torch.nn.init.normal_(trained[next(iter(trained))])
    denoiser = stable_diffusion.load_denoiser(sd_folder)
    adapt(denoiser, tuning="lora", rank=4, alpha=1.0, seed=1)  # other adapters at first
    other = DiffusionFeedback(denoiser, seed=0)
    other.load_state_dict(feedback.state_dict())  # strict: no frozen weight is missed
    assert all(torch.equal(p, q) for p, q in zip(feedback.parameters(), other.parameters(), strict=True))


def test_a_missing_adapter_is_missed(feedback):
    saved = feedback.state_dict()
    saved.pop(next(iter(saved)))
    with pytest.raises(RuntimeError, match="Missing key"):
        feedback.load_state_dict(saved)
