"""Captions tell what is in an image, in words that all have a number."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.synthetic import web
from dcac_fastreid.synthetic.body import Pose, draw_person
from dcac_fastreid.synthetic.captions import CONTEXT, END, START, VOCABULARY, caption, colour_name, tokenize, traits
from dcac_fastreid.synthetic.domains import DOMAINS
from dcac_fastreid.synthetic.people import DYES
from dcac_fastreid.synthetic.quality import QUESTIONS

MAGENTA = (250, 0, 250)  # nothing else has this colour
TRAITS = {
    "person": "woman",
    "top colour": "red",
    "pattern": "striped",
    "sleeves": "long sleeves",
    "bottom colour": "black",
    "bottom": "trousers",
    "bag": "backpack",
    "hat": "no hat",
    "scene": "on a beach",
    "view": "from behind",
}


@pytest.fixture(scope="module")
def some():
    return [web.web_image(0, number) for number in range(24)]


def test_a_caption_that_tells_all(monkeypatch):
    monkeypatch.setattr("dcac_fastreid.synthetic.captions.SAID", (1.0, 1.0))
    assert caption(TRAITS, np.random.default_rng(0)) == (
        "a woman in a red striped shirt with long sleeves and black trousers with backpack with no hat seen from behind "
        "on a beach"
    )


def test_captions_leave_out_some_traits_and_never_lie():
    rng = np.random.default_rng(0)
    said = [caption(TRAITS, rng) for _ in range(400)]
    mean, variance = 0.65, 0.7**2 / 12  # of the share that a caption tells, uniform in [0.3, 1]
    for kind, words in TRAITS.items():
        share = mean**2 + variance if kind == "bottom colour" else mean  # told of a garment that is named
        assert np.mean([words in text for text in said]) == pytest.approx(share, abs=0.07), kind
    # Some captions tell little and some nearly all; were the share always 0.65, 9 % would do the one and 9 % the other.
    told = np.array([sum(words in text for words in TRAITS.values()) for text in said])
    assert (told <= 4).mean() > 0.17 and (told >= 9).mean() > 0.17
    assert not any(" man " in text or "blue" in text for text in said)


def test_a_colour_is_named_by_the_dye_that_it_looks_like():
    assert [colour_name(colour) for colour in DYES.values()] == list(DYES)
    assert colour_name((200, 30, 45)) == "red"


def test_every_trait_and_every_question_can_be_said(some):
    told = [traits(web_image) for web_image in some]
    assert set(told[0]) == set(TRAITS)
    for kind, (values, asked) in QUESTIONS.items():
        assert {each[kind] for each in told} <= set(values)
        tokenize([asked.format(value) for value in values])


def test_words_become_numbers_and_the_end_is_the_largest():
    tokens = tokenize(["a red hat", ""])
    assert tokens.shape == (2, CONTEXT)
    assert tokens[0, :5].tolist() == [START, VOCABULARY["a"], VOCABULARY["red"], VOCABULARY["hat"], END]
    assert tokens[1, :3].tolist() == [START, END, 0]
    assert tokens.argmax(dim=1).tolist() == [4, 1]  # where open_clip takes the text's feature
    with pytest.raises(KeyError, match="zebra"):
        tokenize(["a zebra"])


def test_the_view_is_the_way_that_a_person_is_turned():
    """A backpack hides the back from behind; from the front its straps are seen."""
    seen = {view: [] for view in web.VIEWS}
    for number in range(400):
        web_image = web.web_image(3, number)
        if web_image.person.bag == "backpack":
            seen[web_image.view].append(backpack(web_image))
    assert np.mean(seen["from behind"]) > 1.5 * np.mean(seen["from the front"])


def test_right_and_left_are_the_people_own(monkeypatch):
    """A bag is seen from the side of the hand that carries it; on the other side the legs hide part of it."""
    # The camera takes the image's place, and the drawing is done here, without scenery and chance.
    monkeypatch.setattr(web, "render_image", lambda person, camera, *_: camera)
    seen = {view: [] for view in web.VIEWS}
    for number in range(60):
        web_image = web.web_image(3, number)
        pose = Pose(web_image.image.headings[0], phase=0.0, stride=0.0, elbows=(0.1, 0.1), tilt=0.2)
        in_left_hand, in_right_hand = (bag_pixels(web_image.person, pose, side) for side in (1, -1))
        seen[web_image.view].append(in_left_hand - in_right_hand)
    assert min(seen["from the left"]) > 0 > max(seen["from the right"])


def bag_pixels(person, pose, side):
    image = Image.new("RGB", (128, 256))
    draw_person(image, replace(person, bag="handbag", bag_dye=MAGENTA, side=side), pose, (64, 240), 220, 1.0)
    return (np.asarray(image) == MAGENTA).all(axis=2).sum().item()


def backpack(web_image):
    """Share of pixels whose hue is that of the person's backpack, in the middle of the image."""
    middle = np.asarray(web_image.image, float)[25:75, 16:48]
    bag = np.array(web_image.person.bag_dye, float)
    shades = middle / middle.sum(axis=2, keepdims=True) - bag / bag.sum()
    return (np.abs(shades).max(axis=2) < 0.04).mean()


def test_the_web_has_clothes_and_scenes_that_no_re_id_domain_has():
    others = list(DOMAINS.values())
    worn = set().union(*(domain.wardrobe.patterns for domain in others))
    assert {"zigzag", "diamonds"} == set(web.WARDROBE.patterns) - worn
    overlooked = [surroundings for domain in others for surroundings in domain.style.surroundings]
    facades = set().union(*(each.facades for each in overlooked))
    colours = {pair for each in overlooked for pair in product(each.grounds, each.walls)}
    for name, style in web.SCENES.items():
        (seen,) = style.surroundings
        assert set(seen.facades) - facades or set(product(seen.grounds, seen.walls)) - colours, name
    assert web.NUMBER not in {domain.number for domain in others}


def test_an_image_of_the_web_depends_on_its_number_alone(some):
    again = list(web.web_images(0, 8, workers=2, begin=4))
    assert all((np.asarray(a.image) == np.asarray(b.image)).all() for a, b in zip(again, some[4:12], strict=True))
    assert again[0].image.size == web.SIZE
