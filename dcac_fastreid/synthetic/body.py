"""How a person's body is drawn: a walking skeleton, dressed part by part, the far parts first."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
from PIL import Image

from dcac_fastreid.synthetic.fabric import cloth, in_shade
from dcac_fastreid.synthetic.pencil import Pencil, Point
from dcac_fastreid.synthetic.people import Colour, Person


@dataclass(frozen=True)
class Pose:
    """Angles in radians."""

    turn: float  # about the vertical axis; see pencil.py
    phase: float  # of the step
    stride: float  # largest swing of the thigh; 0 = stands
    elbows: tuple[float, float]  # bend of the left and the right elbow
    tilt: float  # by which the camera looks down


def random_pose(rng: np.random.Generator, turn: float, tilt: float) -> Pose:
    stride = rng.uniform(0.2, 0.5) if rng.random() < 0.8 else rng.uniform(0.0, 0.08)
    elbows = tuple(rng.uniform(1.3, 2.3) if rng.random() < 0.2 else rng.uniform(0.1, 0.6) for _ in range(2))
    return Pose(turn, rng.uniform(0, 2 * pi), stride, elbows, tilt)


def draw_person(
    image: Image.Image, person: Person, pose: Pose, feet: tuple[float, float], unit: float, light: float
) -> None:
    """Draws the person onto the image; feet, unit and light as in Pencil."""
    Body(Pencil(image, pose.turn, pose.tilt, feet, unit, light), person, pose).draw()


class Body:
    """One person in one pose; each method draws one part."""

    def __init__(self, pencil: Pencil, person: Person, pose: Pose):
        self.pencil, self.person, self.pose = pencil, person, pose
        self.faces_camera = pencil.cos > 0
        x, y = pencil.pixel((0, 0.66, 0))
        pattern_centre = (x + 0.09 * pencil.sin * pencil.unit, y)  # the pattern turns with the body
        self.top = cloth(person.top, pencil.image.size, pencil.unit, pattern_centre)
        self.top_shade = in_shade(self.top)

    def draw(self) -> None:
        near, side = self.pencil.nearness, self.person.side
        parts = [(-0.2, self.legs), (0.0, self.torso), (0.02, self.head)]
        parts += [(near((0.12 * left, 0, 0)) - 0.01, lambda left=left: self.arm(left)) for left in (1, -1)]
        if self.person.bag == "backpack":
            parts.append((near((0, 0, -0.09)), self.backpack))
        if self.person.bag == "shoulder":
            parts.append((max(near((0.1 * side, 0, 0)), 0.005), self.shoulder_bag))
        for _, draw in sorted(parts, key=lambda part: part[0]):
            draw()

    def broad(self, *levels: tuple[float, float, float]) -> list[tuple[float, float, float]]:
        """Levels for Pencil.trunk, as broad as the person."""
        return [(y, across * self.person.breadth, deep * self.person.breadth) for y, across, deep in levels]

    def legs(self) -> None:
        person = self.person
        for left in sorted((1, -1), key=lambda left: self.pencil.nearness((0.05 * left, 0, 0))):
            self.leg(left)
        if person.bottom == "skirt":
            hem = 0.105 + 0.12 * (person.leg - person.bottom_hem)
            levels = [(person.leg + 0.06, 0.08, 0.06), (person.leg, 0.095, 0.075), (person.bottom_hem, hem, 0.85 * hem)]
            self.pencil.trunk(self.broad(*levels), person.bottom_dye)

    def leg(self, left: int) -> None:
        person, pose, pencil = self.person, self.pose, self.pencil
        phase = pose.phase if left > 0 else pose.phase + pi
        swing, bend = pose.stride * sin(phase), 1.3 * pose.stride * max(0.0, cos(phase))
        half = 0.48 * person.leg
        hip = (0.05 * left * person.breadth, person.leg, 0.0)
        knee = (hip[0], hip[1] - half * cos(swing), half * sin(swing))
        ankle = (0.85 * hip[0], knee[1] - half * cos(swing - bend), knee[2] + half * sin(swing - bend))
        toe = (ankle[0], max(ankle[1] - 0.025, 0.012), ankle[2] + 0.075)
        thick = 0.5 + 0.5 * person.breadth
        pencil.limb([ankle, toe], [0.026, 0.02], person.shoes)
        if person.bottom == "trousers":
            pencil.limb([hip, knee, ankle], [0.056 * thick, 0.042 * thick, 0.03], person.bottom_dye)
            return
        pencil.limb([hip, knee, ankle], [0.05 * thick, 0.036 * thick, 0.021], person.skin)
        if person.bottom == "shorts":
            end = between(hip, knee, (person.leg - person.bottom_hem) / half)
            pencil.limb([hip, end], [0.058 * thick, 0.05 * thick], person.bottom_dye)

    def arm(self, left: int) -> None:
        person, pose, pencil = self.person, self.pose, self.pencil
        swing = -0.8 * pose.stride * sin(pose.phase if left > 0 else pose.phase + pi)
        bend = swing + pose.elbows[0 if left > 0 else 1]
        shoulder = (0.108 * left * person.breadth, 0.8, 0.0)
        elbow = (shoulder[0] + 0.028 * left, shoulder[1] - 0.16 * cos(swing), 0.16 * sin(swing))
        hand = (elbow[0], elbow[1] - 0.15 * cos(bend), elbow[2] + 0.15 * sin(bend))
        thick = 0.5 + 0.5 * person.breadth
        pencil.disc(pencil.pixel(hand), 0.022, 0.026, person.skin)
        if person.bag == "handbag" and left == person.side:
            pencil.box((hand[0], hand[1] - 0.085, hand[2]), 0.055, 0.062, person.bag_dye)
        pencil.limb([shoulder, elbow, hand], [0.03 * thick, 0.026 * thick, 0.019], person.skin)
        if person.sleeve > 0.5:
            sleeve = [shoulder, elbow, between(elbow, hand, 0.9 * (2 * person.sleeve - 1))]
        else:
            sleeve = [shoulder, between(shoulder, elbow, 2 * person.sleeve)]
        wide = [0.042 * thick, 0.034 * thick, 0.027 * thick]
        pencil.limb(sleeve, wide[: len(sleeve)], self.top, self.top_shade)

    def torso(self) -> None:
        person, pencil = self.person, self.pencil
        hips = self.broad((person.leg + 0.08, 0.084, 0.062), (person.leg - 0.02, 0.098, 0.074))
        pencil.trunk(hips, person.bottom_dye)
        pencil.limb([(0, 0.83, 0), (0, 0.9, 0.01)], [0.034, 0.03], person.skin)
        flare = 0.104 + 0.1 * max(0.0, person.leg - person.hem)  # a coat is wider at its hem
        shape = [(0.855, 0.045, 0.04), (0.83, 0.1, 0.058), (0.78, 0.116, 0.074), (0.7, 0.106, 0.078)]
        shape += [(0.6, 0.092, 0.068), (person.leg + 0.03, 0.1, 0.075), (person.hem, flare, 0.8 * flare)]
        pencil.trunk(self.broad(*(level for level in shape if level[0] >= person.hem)), self.top, self.top_shade)
        if self.faces_camera:
            self.chest()

    def chest(self) -> None:
        """What only the front shows."""
        person, pencil = self.person, self.pencil
        if person.shirt:
            pencil.patch((0, 0.7, 0.07), 0.032, 0.125, person.shirt)
        elif person.top.pattern == "print":
            pencil.patch((0, 0.73, 0.07), 0.055, 0.05, person.top.accent)
            pencil.patch((0, 0.73, 0.07), 0.028, 0.02, person.top.dye)
        if person.bag == "backpack":
            for strap in (0.062, -0.062):
                pencil.line([(strap, 0.845, 0.05), (strap, 0.64, 0.05)], 0.024, person.bag_dye)

    def head(self) -> None:
        person, pencil = self.person, self.pencil
        hair = person.skin if person.hair_style == "bald" else person.hair
        shows_face = pencil.cos > -0.5
        x, y = pencil.pixel((0, 0.925, 0.012))
        if self.faces_camera:
            self.hair_curtain(hair)
        pencil.disc((x, y - 0.012 * pencil.unit), 0.051, 0.06, hair)
        if shows_face:
            self.face(x + 0.024 * pencil.sin * pencil.unit, y + 0.014 * pencil.unit)
        if not self.faces_camera:
            self.hair_curtain(hair)
        if person.hair_style == "tail":
            pencil.limb([(0, 0.95, -0.055), (0, 0.82, -0.075)], [0.022, 0.014], hair)
        if person.hat:
            pencil.dome((x, y - 0.018 * pencil.unit), 0.054, 0.06, person.hat)
            if shows_face:  # the peak
                peak = (x + 0.04 * pencil.sin * pencil.unit, y - 0.02 * pencil.unit)
                pencil.disc(peak, 0.05, 0.012, in_shade(person.hat))

    def face(self, x: float, y: float) -> None:
        pencil, skin = self.pencil, self.person.skin
        narrow = 0.042 * min(1.0, 0.72 + 0.3 * pencil.cos)
        pencil.disc((x, y), narrow, 0.053, in_shade(skin, 0.82))
        pencil.disc((x + 0.006 * pencil.light * pencil.unit, y), 0.82 * narrow, 0.048, skin)
        for eye in (-0.018, 0.018):
            across = eye * pencil.cos + 0.02 * pencil.sin
            if abs(across) < 0.8 * narrow:
                pencil.disc((x + across * pencil.unit, y - 0.004 * pencil.unit), 0.006, 0.005, in_shade(skin, 0.45))
        mouth = (x + 0.012 * pencil.sin * pencil.unit, y + 0.03 * pencil.unit)
        pencil.disc(mouth, 0.013, 0.005, in_shade(skin, 0.6))

    def hair_curtain(self, hair: Colour) -> None:
        falls_to = {"bob": 0.86, "long": 0.77}.get(self.person.hair_style)
        if falls_to:
            self.pencil.trunk([(0.96, 0.045, 0.05), (0.92, 0.054, 0.052), (falls_to, 0.06, 0.045)], hair)

    def backpack(self) -> None:
        pencil, dye = self.pencil, self.person.bag_dye
        centre = (0.0, 0.71, -0.11)
        pencil.cushion(centre, (0.085, 0.115, 0.055), in_shade(dye))
        pencil.cushion(centre, (0.068, 0.104, 0.044), dye)
        if not self.faces_camera:
            pencil.cushion((0.0, 0.66, -0.11), (0.047, 0.038, 0.02), in_shade(dye, 0.85))

    def shoulder_bag(self) -> None:
        side, dye = self.person.side, self.person.bag_dye
        bag = (0.125 * side * self.person.breadth, 0.5, 0.0)
        front = 0.06 if self.faces_camera else -0.06
        strap = [(-0.06 * side, 0.85, 0.0), (0.03 * side, 0.68, front), (bag[0], 0.55, 0.0)]
        self.pencil.line(strap, 0.018, in_shade(dye, 0.9))
        self.pencil.box(bag, 0.06, 0.075, dye)


def between(start: Point, end: Point, share: float) -> Point:
    return tuple(s + (e - s) * share for s, e in zip(start, end, strict=True))
