"""What does the denoiser make of a noised picture in one step: under its own condition, another's, and none?"""

from collections.abc import Sequence

import numpy as np

from dcac_fastreid.analysis.conditions import picture_conditions
from dcac_fastreid.analysis.denoising import ANOTHERS, OWN, compared_conditions, denoise, noise_errors
from dcac_fastreid.analysis.figures import draw_png, show_picture
from dcac_fastreid.analysis.identities import pixels
from dcac_fastreid.analysis.latent_pictures import decoded, latents_of, seeded_noise
from dcac_fastreid.analysis.page import Picture
from dcac_fastreid.analysis.run import Run, TrainingImage

WIDTH, HEIGHT, MARGIN = 1.0, 2.15, 0.6  # inches: of a picture with its label, of what is above them


def reconstructions_picture(
    run: Run, pairs, timesteps: Sequence[int], averaged: Sequence[TrainingImage], *, seed: int
) -> Picture:
    """A block for each pair: a picture of A noised at each timestep, and the picture that each prediction amounts to.

    Args:
        pairs: (images of A, images of B), the first of each is taken.
        averaged: images of different identities, whose mean errors are told.
    """
    firsts, seconds = ([side[0] for side in sides] for sides in zip(*pairs, strict=True))
    denoiser, latents = run.training_model.feedback.denoiser, latents_of(run, firsts)
    noise = seeded_noise(run, len(latents), latents.shape[1:], seed)
    conditions = compared_conditions(picture_conditions(run, firsts), picture_conditions(run, seconds))
    found = {
        (timestep, name): denoise(denoiser, latents, noise, timestep, condition)
        for timestep in timesteps
        for name, condition in conditions.items()
    }
    shown = {key: decoded(run, each.estimate) for key, each in found.items()}
    noisy = {timestep: decoded(run, found[timestep, OWN].noisy) for timestep in timesteps}
    back, own, others = decoded(run, latents), pixels(run, firsts), pixels(run, seconds)
    lines = ["noised", "own\ncondition", "another's\ncondition", "no\ncondition"]

    def draw(figure):
        for place, block in enumerate(np.atleast_1d(figure.subfigures(1, len(pairs)))):
            block.suptitle(f"{firsts[place].person}, another: {seconds[place].person}", fontsize=9)
            grid = block.subplots(len(lines), 1 + len(timesteps), squeeze=False)
            for axes, line, picture in zip(grid[:, 0], lines, [back, own, others, None], strict=True):
                axes.set_ylabel(line, fontsize=8)
                if picture is None:
                    _empty(axes)
                else:
                    show_picture(axes, picture[place])
            for column, timestep in zip(grid[:, 1:].T, timesteps, strict=True):
                column[0].set_title(f"t = {timestep}", fontsize=8)
                show_picture(column[0], noisy[timestep][place])
                for axes, name in zip(column[1:], conditions, strict=True):
                    show_picture(axes, shown[timestep, name][place])
                    axes.set_xlabel(f"{found[timestep, name].errors[place]:.3f}", fontsize=8)

    caption = (
        f"Training pictures noised to timestep t of {denoiser.num_timesteps} (Eq. 10), and what one prediction of {run.name}'s "
        "denoiser makes of each: under the picture's own condition, under that of a picture of another person (left of it), "
        "and under a condition of zeros. Top left: the picture through the image encoder and back, which no reconstruction can "
        f"excel. Below each: its noise error, the diffusion loss of Eq. 11. {_mean_errors(run, averaged, timesteps, seed)}"
    )
    png = draw_png(WIDTH * (1 + len(timesteps)) * len(pairs) + MARGIN, HEIGHT * len(lines) + MARGIN, draw)
    return Picture("diffusion-reconstructions", "Noised pictures, denoised in one step", png, caption)


def _empty(axes) -> None:
    """Axes that show nothing but their label."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _mean_errors(run: Run, images: Sequence[TrainingImage], timesteps: Sequence[int], seed: int) -> str:
    """A sentence with the mean noise errors of these images, each being "another" for the one before it."""
    latents, own = latents_of(run, images), picture_conditions(run, images)
    noise = seeded_noise(run, len(latents), latents.shape[1:], seed)
    conditions = compared_conditions(own, own.roll(-1, 0))
    errors = noise_errors(run.training_model.feedback.denoiser, latents, noise, timesteps, conditions)
    told = []
    for timestep in timesteps:
        means = ", ".join(f"{name} {errors[timestep, name].mean():.4f}" for name in conditions)
        more = errors[timestep, ANOTHERS] - errors[timestep, OWN]
        told.append(
            f"t = {timestep}: {means}, another's being {more.mean():+.4f} ± {more.std() / len(more) ** 0.5:.4f} off own"
        )
    return (
        f"Means over {len(images)} training pictures of as many identities, the same noise under every condition "
        f"(± is the standard error): {'; '.join(told)}. Where another's is no worse than own, the condition tells the denoiser "
        "nothing about the picture."
    )
