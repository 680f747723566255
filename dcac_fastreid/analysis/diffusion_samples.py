"""What does the denoiser make of pure noise under an identity's condition, or a mix of two? L condition tokens, C their width."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dcac_fastreid.analysis.conditions import has_prompts, picture_conditions, prompt_mixes
from dcac_fastreid.analysis.figures import draw_png, show_picture
from dcac_fastreid.analysis.identities import pixels
from dcac_fastreid.analysis.latent_pictures import decoded, latents_of, seeded_noise
from dcac_fastreid.analysis.page import Picture
from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.diffusion.sampling import no_condition, sample

WIDTH, HEIGHT, MARGIN = 1.15, 2.4, 0.5  # inches: of a picture with its label, of what is above them
Pair = tuple[Sequence[TrainingImage], Sequence[TrainingImage]]  # the images of identities A and B


def samples_picture(run: Run, pairs: Sequence[Pair], *, steps: int, guidance: float, seed: int) -> Picture:
    """A row for each pair: a picture of A, samples from A's condition over the mix to B's, a picture of B."""
    conditions = _conditions(run, pairs)
    rows, columns = len(pairs), len(conditions)
    shape = latents_of(run, pairs[0][0][:1]).shape[1:]
    told = torch.stack(list(conditions.values()), dim=1).flatten(0, 1)
    latents = sample(
        run.training_model.feedback.denoiser,
        seeded_noise(run, rows, shape, seed).repeat_interleave(columns, 0),
        told,
        no_condition(told),
        steps=steps,
        guidance=guidance,
    )
    samples = decoded(run, latents)
    ends = [pixels(run, [pair[side][0] for pair in pairs]) for side in (0, 1)]

    def draw(figure):
        grid = figure.subplots(rows, columns + 2, squeeze=False)
        for axes, title in zip(grid[0], ["picture\nof A", *conditions, "picture\nof B"], strict=True):
            axes.set_title(title, fontsize=8)
        for row, line in enumerate(grid):
            shown = [ends[0][row], *samples[row * columns : (row + 1) * columns], ends[1][row]]
            for axes, picture in zip(line, shown, strict=True):
                show_picture(axes, picture)
            line[0].set_xlabel(f"A: {pairs[row][0][0].person}", fontsize=8)
            line[-1].set_xlabel(f"B: {pairs[row][1][0].person}", fontsize=8)

    caption = (
        f"What the denoiser of {run.name} makes of pure noise under a condition, between a training picture of A and one of B. "
        f"{_told(run)} All of a row begins with the same noise, so what differs in it is the condition's doing; it looks like "
        "the person only as far as the denoiser has learned to read the condition. "
        f"DDIM in {steps} steps, guidance {guidance:g} (above 1, it exaggerates what a condition does against one of zeros), "
        f"seed {seed}."
    )
    png = draw_png(WIDTH * (columns + 2), HEIGHT * rows + MARGIN, draw)
    return Picture("diffusion-samples", "What the diffusion model makes of an identity", png, caption)


def _conditions(run: Run, pairs: Sequence[Pair]) -> dict[str, Tensor]:
    """Title -> conditions (pairs, L, C)."""
    mean_a, mean_b = (
        torch.stack([picture_conditions(run, images).mean(0) for images in side]) for side in zip(*pairs, strict=True)
    )
    if has_prompts(run):
        labels = [(a[0].label, b[0].label) for a, b in pairs]
        between = {
            "prompt\nof A": prompt_mixes(run, [{a: 1.0} for a, _ in labels]),
            "half A's, half\nB's prompt": prompt_mixes(run, [{a: 0.5, b: 0.5} for a, b in labels]),
            "prompt\nof B": prompt_mixes(run, [{b: 1.0} for _, b in labels]),
        }
    else:
        between = {"half A's,\nhalf B's": (mean_a + mean_b) / 2}
    return {"A's mean\ncondition": mean_a, **between, "B's mean\ncondition": mean_b}


def _told(run: Run) -> str:
    mean = "The mean condition is what the training pictures of the identity get, on average."
    if has_prompts(run):
        return f"{mean} The prompt is the identity's row of P in Eq. 12, by itself."
    return f"{mean} {type(run.training_model.conditioner).__name__} has no prompts, so it is these that are mixed."
