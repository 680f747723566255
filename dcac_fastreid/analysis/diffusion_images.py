"""What does a run's diffusion model make of an identity?"""

import math
from collections.abc import Sequence

from dcac_fastreid.analysis.diffusion_samples import samples_section
from dcac_fastreid.analysis.identities import draw_identities, draw_images, images_by_identity
from dcac_fastreid.analysis.reconstructions import reconstructions_section
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import Section


def sections(
    run: Run,
    *,
    number: int = 3,
    steps: int = 40,
    guidance: float = 1.0,
    timesteps: Sequence[int] = (250, 500, 750),
    averaged: int = 64,
    seed: int = 0,
) -> list[Section]:
    """Images sampled from conditions and their mixes, and noised images denoised in one step under three conditions.

    Args:
        number: of identities A, drawn by the seed, each with another one, B.
        steps, guidance: of the sampling, see diffusion/sampling.py.
        timesteps: at which images are noised.
        averaged: training images, each of another identity, whose mean noise errors the caption tells.
    Raises:
        InputError: a run without diffusion side, or an option out of its range.
    """
    last = run.training_model.feedback.denoiser.num_timesteps - 1
    if not timesteps or not all(0 <= timestep <= last for timestep in timesteps):
        raise InputError(
            f"noise at timesteps {', '.join(map(str, timesteps)) or 'none'} is asked for; expected some of 0 to {last}"
        )
    if not math.isfinite(guidance):
        raise InputError(f"guidance {guidance} is asked for; expected a finite number, such as 1 or 1.5")
    if averaged < 2:
        raise InputError(
            f"a mean over {averaged} images is asked for; expected 2 or more, since one is another's of the other"
        )
    groups = images_by_identity(run)
    drawn = [groups[label] for label in draw_identities(len(groups), 2 * number, seed)]
    pairs = list(zip(drawn[0::2], drawn[1::2], strict=False))  # of an odd number of identities one is left
    return [
        samples_section(run, pairs, steps=steps, guidance=guidance, seed=seed),
        reconstructions_section(run, pairs, timesteps, draw_images(groups, averaged, seed), seed=seed),
    ]
