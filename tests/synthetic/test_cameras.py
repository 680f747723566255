"""What the difficulty does to the cameras of a domain."""

from dataclasses import fields

import numpy as np
import pytest

from dcac_fastreid.synthetic.cameras import DARKEST, adjusted, new_camera
from dcac_fastreid.synthetic.difficulty import PRESETS, Difficulty
from dcac_fastreid.synthetic.domains import DOMAINS

REACHED = {
    "light": {"exposure", "exposure_spread", "contrast", "haze", "day_light"},
    "colour": {"cast_spread", "flicker_spread", "saturation", "day_colour"},
    "cameras": {"exposure", "cast_spread"},
    "blur": {"blur", "motion"},
    "noise": {"noise"},
    "crop_errors": {"crop_error"},
    "occlusion": {"occlusion", "passers_by"},
    "look_alikes": set(),  # of the people
    "domain_gap": {"tone"},
}


@pytest.mark.parametrize("factor", [field.name for field in fields(Difficulty)])
def test_a_factor_reaches_its_properties_and_no_other(factor):
    style, harder = (adjusted(DOMAINS["msmt17"].style, d) for d in (Difficulty(), Difficulty(**{factor: 2.0})))
    assert {f.name for f in fields(style) if getattr(style, f.name) != getattr(harder, f.name)} == REACHED[factor]
    for name in REACHED[factor]:
        plain, value = np.array(getattr(style, name)), np.array(getattr(harder, name))
        assert np.ptp(value) > np.ptp(plain) if plain.ndim else value == 2 * plain


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_range_of_a_preset_is_one_that_a_camera_can_have(preset, domain):
    style = adjusted(DOMAINS[domain].style, PRESETS[preset])
    for name in ("exposure", "contrast", "saturation", "blur", "noise", "rows"):
        low, high = getattr(style, name)
        assert 0 < low < high, name
    assert style.exposure[0] >= DARKEST
    if preset == "default":  # whose images the floor leaves as they were
        assert style.exposure[0] > DARKEST


def test_without_light_and_colour_all_cameras_see_alike():
    style = adjusted(DOMAINS["msmt17"].style, Difficulty(light=0.0, colour=0.0))
    cameras = [new_camera(np.random.default_rng(seed), style) for seed in range(10)]
    for name in ("exposure", "contrast", "haze", "saturation"):
        assert len({getattr(camera, name) for camera in cameras}) == 1
    assert all((camera.cast == 1).all() for camera in cameras)
