"""What does the denoiser make of pure noise under an identity's condition, or a mix of two? L condition tokens, C their width."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from dcac_fastreid.analysis.conditions import has_prompts, image_conditions, prompt_mixes
from dcac_fastreid.analysis.identities import pixels
from dcac_fastreid.analysis.latent_images import decoded, latents_of, seeded_noise
from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.diffusion.sampling import no_condition, sample
from dcac_fastreid.pages.content import Section, Strip, Tile
from dcac_fastreid.pages.sheet import tile_section

Pair = tuple[Sequence[TrainingImage], Sequence[TrainingImage]]  # the images of identities A and B


def samples_section(run: Run, pairs: Sequence[Pair], *, steps: int, guidance: float, seed: int) -> Section:
    """A row for each pair: an image of A, samples from A's condition over the mix to B's, an image of B."""
    conditions = _conditions(run, pairs)
    rows, columns = len(pairs), len(conditions)
    shape = latents_of(run, pairs[0][0][:1]).shape[1:]
    stacked = torch.stack(list(conditions.values()), dim=1).flatten(0, 1)
    latents = sample(
        run.training_model.feedback.denoiser,
        seeded_noise(run, rows, shape, seed).repeat_interleave(columns, 0),
        stacked,
        no_condition(stacked),
        steps=steps,
        guidance=guidance,
    )
    samples = decoded(run, latents)
    ends = [pixels(run, [pair[side][0] for pair in pairs]) for side in (0, 1)]

    strips = []
    for row, (of_a, of_b) in enumerate(pairs):
        middle = zip(conditions, samples[row * columns : (row + 1) * columns], strict=True)
        strips.append(
            Strip(
                [
                    Tile(Image.fromarray(ends[0][row]), ["image of A"], str(of_a[0].person), "query"),
                    *(Tile(Image.fromarray(image), [title]) for title, image in middle),
                    Tile(Image.fromarray(ends[1][row]), ["image of B"], str(of_b[0].person), "query"),
                ]
            )
        )
    caption = (
        f"What the denoiser of {run.name} makes of pure noise under a condition, between a training image of A and one of B. "
        f"{_explained(run)} All samples of a line begin with the same noise, so they differ by the condition alone; a "
        "sample looks like the person only as far as the denoiser has learned to read the condition. "
        f"DDIM in {steps} steps, guidance {guidance:g} (above 1, it exaggerates what a condition does against one of zeros), "
        f"seed {seed}."
    )
    return tile_section("diffusion-samples", "What the diffusion model makes of an identity", strips, caption)


def _conditions(run: Run, pairs: Sequence[Pair]) -> dict[str, Tensor]:
    """Title -> conditions (pairs, L, C)."""
    mean_a, mean_b = (
        torch.stack([image_conditions(run, images).mean(0) for images in side]) for side in zip(*pairs, strict=True)
    )
    if has_prompts(run):
        labels = [(a[0].label, b[0].label) for a, b in pairs]
        between = {
            "prompt of A": prompt_mixes(run, [{a: 1.0} for a, _ in labels]),
            "half A's, half B's prompt": prompt_mixes(run, [{a: 0.5, b: 0.5} for a, b in labels]),
            "prompt of B": prompt_mixes(run, [{b: 1.0} for _, b in labels]),
        }
    else:
        between = {"half A's, half B's": (mean_a + mean_b) / 2}
    return {"A's mean condition": mean_a, **between, "B's mean condition": mean_b}


def _explained(run: Run) -> str:
    mean = "The mean condition is what the training images of the identity get, on average."
    if has_prompts(run):
        return f"{mean} The prompt is the identity's row of P in Eq. 12, by itself."
    return f"{mean} {type(run.training_model.conditioner).__name__} has no prompts, so it is these that are mixed."
