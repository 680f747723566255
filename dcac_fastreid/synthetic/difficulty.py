"""How hard a synthetic data set is: a few factors, and three presets by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difficulty:
    """Factors on what makes people hard to recognise: 1 is as camera_styles.py and wardrobes.py say, 0 leaves it out."""

    light: float = 1.0  # how differently bright, contrasty and hazy cameras, times of day and images are
    colour: float = 1.0  # how differently cameras, times of day and images render the same colour
    cameras: float = 1.0  # how differently the cameras of a domain tint and expose, always the same: it can be learned
    blur: float = 1.0  # how blurred images are, by the lens and by movement
    noise: float = 1.0  # of the sensors
    crop_errors: float = 1.0  # how many boxes cut a person off, miss her middle or are too large
    occlusion: float = 1.0  # how many people are half hidden, and how many others pass by
    look_alikes: float = 1.0  # how many people wear the same clothes as another one
    domain_gap: float = 1.0  # how far the looks of the domains (common brightness and tint) lie apart


PRESETS = {
    "easy": Difficulty(
        light=0.4, colour=0.4, blur=0.6, noise=0.6, crop_errors=0.3, occlusion=0.3, look_alikes=0.0, domain_gap=0.4
    ),
    # Chosen for a gap between domains, by the pre-trained encoder and the baseline: what the cameras of a domain have of
    # their own, and keep, weighs more than what changes from image to image.
    "default": Difficulty(
        light=0.6, colour=0.8, cameras=6.0, blur=0.7, noise=0.7, crop_errors=0.4, occlusion=0.5, domain_gap=2.0
    ),
    "hard": Difficulty(
        light=1.2,
        colour=1.0,
        cameras=7.0,
        blur=1.2,
        noise=1.2,
        crop_errors=1.2,
        occlusion=1.2,
        look_alikes=2.0,
        domain_gap=3.0,
    ),
}


def preset_name(difficulty: Difficulty) -> str:
    """The preset's name; "custom" for factors of one's own."""
    return next((name for name, preset in PRESETS.items() if preset == difficulty), "custom")
