"""What does the denoiser make of a noised image in one step: under its own condition, another's, and none?"""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from dcac_fastreid.analysis.conditions import image_conditions
from dcac_fastreid.analysis.denoising import ANOTHERS, NONE, OWN, compared_conditions, denoise, noise_errors
from dcac_fastreid.analysis.identities import pixels
from dcac_fastreid.analysis.latent_images import decoded, latents_of, seeded_noise
from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.pages.content import Grid, Section, Strip, Tile
from dcac_fastreid.pages.sheet import tile_section


def reconstructions_section(
    run: Run, pairs, timesteps: Sequence[int], averaged: Sequence[TrainingImage], *, seed: int
) -> Section:
    """For each pair, and for each timestep: an image of A with noise, and the image that each prediction amounts to.

    Args:
        pairs: (images of A, images of B), the first of each is taken.
        averaged: images of different identities, whose mean errors the table has.
    """
    firsts, seconds = ([side[0] for side in sides] for sides in zip(*pairs, strict=True))
    denoiser, latents = run.training_model.feedback.denoiser, latents_of(run, firsts)
    noise = seeded_noise(run, len(latents), latents.shape[1:], seed)
    conditions = compared_conditions(image_conditions(run, firsts), image_conditions(run, seconds))
    found = {
        (timestep, name): denoise(denoiser, latents, noise, timestep, condition)
        for timestep in timesteps
        for name, condition in conditions.items()
    }
    estimates = {key: decoded(run, each.estimate) for key, each in found.items()}
    noisy = {timestep: decoded(run, found[timestep, OWN].noisy) for timestep in timesteps}
    back, own, others = decoded(run, latents), pixels(run, firsts), pixels(run, seconds)
    strips = []
    for place, (first, second) in enumerate(zip(firsts, seconds, strict=True)):
        start = [(back, "encoded and back", first), (own, "image", first), (others, "another", second)]
        tiles = [Tile(Image.fromarray(shown[place]), [what], str(of.person), "query") for shown, what, of in start]
        strips.append(Strip(tiles, f"{first.person}, another: {second.person}"))
        for timestep in timesteps:
            tiles = [Tile(Image.fromarray(noisy[timestep][place]), ["noised"], tone="query")]
            for name in conditions:
                error = f"{found[timestep, name].errors[place]:.3f}"
                tiles.append(Tile(Image.fromarray(estimates[timestep, name][place]), [_condition(name), error]))
            strips.append(Strip(tiles, f"{first.person}, t = {timestep}"))
    caption = (
        f"Training images noised to timestep t of {denoiser.num_timesteps} (Eq. 10), and what one prediction of {run.name}'s "
        "denoiser makes of each: under the image's own condition, under that of an image of another person, "
        "and under a condition of zeros. The first image has been through the image encoder and back, which no reconstruction "
        f"can excel. Below each reconstruction: its noise error, the diffusion loss of Eq. 11. "
        "The table has the means, under the same noise for every condition. Where another's is no worse than own, the condition "
        "tells the denoiser nothing about the image."
    )
    section = tile_section("diffusion-reconstructions", "Noised images, denoised in one step", strips, caption)
    return replace(section, grid=_mean_errors(run, averaged, timesteps, seed))


def _mean_errors(run: Run, images: Sequence[TrainingImage], timesteps: Sequence[int], seed: int) -> Grid:
    """Mean noise errors of these images, each being "another" for the one before it."""
    latents, own = latents_of(run, images), image_conditions(run, images)
    noise = seeded_noise(run, len(latents), latents.shape[1:], seed)
    conditions = compared_conditions(own, own.roll(-1, 0))
    errors = noise_errors(run.training_model.feedback.denoiser, latents, noise, timesteps, conditions)
    rows = []
    for timestep in timesteps:
        means = [f"{errors[timestep, name].mean():.4f}" for name in conditions]
        more = errors[timestep, ANOTHERS] - errors[timestep, OWN]
        rows.append([f"t = {timestep}", *means, f"{more.mean():+.4f} ± {more.std() / len(more) ** 0.5:.4f}"])
    title = f"Mean noise errors of {len(images)} training images of as many identities, by condition"
    return Grid(["", *map(_condition, conditions), "another's minus own ± standard error"], rows, title=title)


def _condition(name: str) -> str:
    return f"{'no' if name == NONE else name} condition"
