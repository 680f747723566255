"""Difficulty changes the images, and each factor the one thing that it names."""

from dataclasses import fields

import numpy as np
import pytest

from dcac_fastreid.synthetic import data_set
from dcac_fastreid.synthetic.difficulty import PRESETS, Difficulty, preset_name
from dcac_fastreid.synthetic.domains import DOMAINS
from dcac_fastreid.synthetic.people import Garment, Person
from dcac_fastreid.synthetic.plan import plan

MAGENTA = (250, 0, 250)
MANNEQUIN = Person(  # nothing else in the data set has this colour
    breadth=1.0, leg=0.48, skin=MAGENTA, hair=MAGENTA, hair_style="short", hat=None, top=Garment(MAGENTA, MAGENTA),
    sleeve=1.0, hem=0.48, shirt=None, bottom="trousers", bottom_dye=MAGENTA, bottom_hem=0.2, shoes=MAGENTA, bag="none",
    bag_dye=MAGENTA, side=1,
)  # fmt: skip


@pytest.fixture
def photograph(monkeypatch):
    """Takes 24 images of the mannequin: whatever the difficulty, in the same places and poses; in [0, 255]."""
    monkeypatch.setattr(data_set, "person_of", lambda *_: MANNEQUIN)

    def take(difficulty, name="dukemtmc"):
        shots = [shot for shot in plan(name, 0) if shot.split == "train"][:24]
        return [np.asarray(data_set.image_of(name, 0, shot, difficulty), float) for shot in shots]

    return take


def mannequin(image):
    """(H, W): where it is seen."""
    return image[..., 1] < image[..., [0, 2]].min(axis=2) - 40


def spread_of_brightness(images):
    return np.std([image.mean() for image in images])


def spread_of_colour(images):
    """Of the mannequin's red against blue."""
    means = [image[mannequin(image)].mean(axis=0) for image in images if mannequin(image).sum() > 100]
    return np.std([np.log(mean[0] / mean[2]) for mean in means])


def sharpness(images):
    """The steepest steps between neighbouring pixels."""
    return np.mean([np.quantile(np.abs(np.diff(image.mean(axis=2), axis=1)), 0.98) for image in images])


def grain(images):
    """Differences between neighbouring pixels in most of the image, which is smooth."""
    return np.mean([np.median(np.abs(np.diff(image[..., 0] - image[..., 1], axis=1))) for image in images])


def cut_off(images):
    """Share of images whose upper or lower edge cuts through the mannequin."""
    return np.mean([mannequin(image)[[0, -1]].any() for image in images])


def shown(images):
    """Of the mannequin, pixels."""
    return np.mean([mannequin(image).mean() for image in images])


@pytest.mark.parametrize(
    ("factor", "measure", "rises", "present"),
    [
        ("light", spread_of_brightness, True, ["cameras"]),
        ("colour", spread_of_colour, True, ["cameras"]),
        ("cameras", spread_of_brightness, True, ["light"]),
        ("cameras", spread_of_colour, True, ["colour"]),
        ("blur", sharpness, False, []),
        ("noise", grain, True, []),
        ("crop_errors", cut_off, True, []),
        ("occlusion", shown, False, []),
    ],
)
def test_a_factor_changes_what_it_names(photograph, factor, measure, rises, present):
    others = dict.fromkeys((field.name for field in fields(Difficulty)), 0.0) | dict.fromkeys(present, 1.0)
    absent, strong = (measure(photograph(Difficulty(**{**others, factor: value}))) for value in (0.0, 3.0))
    assert strong > 1.15 * absent if rises else absent > 1.05 * strong


def test_look_alikes_wear_the_same_clothes_and_stay_different_people():
    def pairs(look_alikes):
        people = [data_set.person_of("msmt17", 0, number, Difficulty(look_alikes=look_alikes)) for number in range(100)]
        assert len({(person.skin, person.hair, person.shoes) for person in people}) == 100
        clothes = [(person.top, person.bottom, person.bottom_dye) for person in people]
        assert max(clothes.count(worn) for worn in clothes) <= 2
        return 100 - len(set(clothes))

    assert pairs(0) == 0
    assert 5 <= pairs(1) <= 15  # 20 % of 50 pairs
    assert 15 <= pairs(2) <= 28


def test_domain_gap_moves_the_domains_apart(photograph):
    def distance(gap):
        even = Difficulty(light=0, colour=0, domain_gap=gap)
        tints = []
        for name in DOMAINS:
            means = [image[mannequin(image)].mean(axis=0) for image in photograph(even, name)]
            tints.append(np.log([mean[0] / mean[2] for mean in means]).mean())
        return np.std(tints)

    assert distance(0) < 0.5 * distance(1) and 1.4 * distance(1) < distance(2)


def test_presets_lie_in_order(photograph):
    for factor in (field.name for field in fields(Difficulty)):
        easy, default, hard = (getattr(PRESETS[name], factor) for name in ("easy", "default", "hard"))
        assert easy < default < hard, factor
    for measure in (spread_of_brightness, spread_of_colour, grain):
        easy, default, hard = (measure(photograph(PRESETS[name])) for name in ("easy", "default", "hard"))
        assert easy < default < hard


def test_presets_have_names_and_other_factors_have_none():
    assert [preset_name(preset) for preset in PRESETS.values()] == ["easy", "default", "hard"]
    assert preset_name(Difficulty(light=2)) == "custom"
