"""How a shape in body space comes onto the image: projection, and shapes with a lit and a shaded side."""

# Body space: x to the person's left, y up, z forwards; one unit is the body height, the ground is y = 0.
# turn 0 faces the camera, pi/2 walks to the right of the image, pi shows the back.

from __future__ import annotations

from math import atan2, cos, pi, sin, sqrt

from PIL import Image, ImageDraw

from dcac_fastreid.synthetic.fabric import Fill, in_shade
from dcac_fastreid.synthetic.people import Colour

Point = tuple[float, float, float]
Outline = list[tuple[float, float]]  # pixels


class Pencil:
    """Draws shapes around one person on an image.

    Args:
        turn, tilt: radians; of the person about the vertical axis, and by which the camera looks down.
        feet: pixel between the feet. unit: pixels per body height.
        light: -1 = from the left, +1 = from the right; the other side of every shape lies in shade.
    """

    def __init__(
        self, image: Image.Image, turn: float, tilt: float, feet: tuple[float, float], unit: float, light: float
    ):
        self.image, self.pen = image, ImageDraw.Draw(image)
        self.cos, self.sin, self.tilt = cos(turn), sin(turn), sin(tilt)
        self.feet, self.unit, self.light = feet, unit, light

    def nearness(self, point: Point) -> float:
        """How far the point lies on the camera's side of the body's axis."""
        return point[2] * self.cos - point[0] * self.sin

    def pixel(self, point: Point) -> tuple[float, float]:
        across = point[0] * self.cos + point[2] * self.sin
        # A camera above sees the upper body larger and near feet lower.
        across *= 1 + 0.35 * self.tilt * (point[1] - 0.5)
        up = point[1] - self.nearness(point) * self.tilt
        return self.feet[0] + across * self.unit, self.feet[1] - up * self.unit

    def half_width(self, across: float, deep: float) -> float:
        """Half-width in pixels of an upright elliptic cylinder."""
        return self.unit * sqrt((across * self.cos) ** 2 + (deep * self.sin) ** 2)

    def fill(self, outline: Outline, fill: Fill) -> None:
        if not isinstance(fill, Image.Image):
            self.pen.polygon(outline, fill=fill)
            return
        xs, ys = [x for x, _ in outline], [y for _, y in outline]
        left, top = max(int(min(xs)), 0), max(int(min(ys)), 0)
        right, bottom = min(int(max(xs)) + 2, fill.width), min(int(max(ys)) + 2, fill.height)
        if right > left and bottom > top:
            mask = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=255)
            self.image.paste(fill.crop((left, top, right, bottom)), (left, top), mask)

    def limb(self, joints: list[Point], radii: list[float], fill: Fill, shade: Fill | None = None) -> None:
        """A chain of tapered segments, its side away from the light in shade."""
        pixels = [self.pixel(joint) for joint in joints]
        for part, share in ((shade or in_shade(fill), 1.0), (fill, 0.72)):
            shift = self.light * self.unit * radii[0] * (1 - share) * 0.6
            ends = [((x + shift, y), share * radius * self.unit) for (x, y), radius in zip(pixels, radii, strict=True)]
            for start, end in zip(ends, ends[1:], strict=False):
                self.fill(_capsule(*start, *end), part)

    def trunk(self, levels: list[tuple[float, float, float]], fill: Fill, shade: Fill | None = None) -> None:
        """A body of elliptic cross-sections (height, half-width across, half-depth), from the top down."""
        for part, share in ((shade or in_shade(fill), 1.0), (fill, 0.84)):
            left, right = [], []
            for height, across, deep in levels:
                x, y = self.pixel((0, height, 0))
                half = self.half_width(across, deep)
                x += self.light * half * (1 - share) * 0.7
                left.append((x - half * share, y))
                right.append((x + half * share, y))
            self.fill(left + right[::-1], part)

    def disc(self, centre: tuple[float, float], rx: float, ry: float, colour: Colour) -> None:
        x, y = centre
        rx, ry = rx * self.unit, ry * self.unit
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def dome(self, centre: tuple[float, float], rx: float, ry: float, colour: Colour) -> None:
        """The upper half of a disc."""
        x, y = centre
        rx, ry = rx * self.unit, ry * self.unit
        self.pen.pieslice((x - rx, y - ry, x + rx, y + ry), 180, 360, fill=colour)

    def line(self, points: list[Point], width: float, colour: Colour) -> None:
        self.pen.line([self.pixel(point) for point in points], fill=colour, width=max(1, round(width * self.unit)))

    def patch(self, centre: Point, across: float, half_height: float, colour: Colour) -> None:
        """A flat upright patch on the front of the body, narrower when the body turns."""
        x, y = self.pixel(centre)
        half, up = across * self.unit * abs(self.cos), half_height * self.unit
        self.pen.rectangle((x - half, y - up, x + half, y + up), fill=colour)

    def cushion(self, centre: Point, half: tuple[float, float, float], colour: Colour) -> None:
        """A round-edged upright cushion of half-sizes (across, up, deep)."""
        x, y = self.pixel(centre)
        wide, up = self.half_width(half[0], half[2]), half[1] * self.unit
        self.pen.rounded_rectangle((x - wide, y - up, x + wide, y + up), 0.25 * up, fill=colour)

    def box(self, centre: Point, half_width: float, half_height: float, colour: Colour) -> None:
        x, y = self.pixel(centre)
        half, up = self.half_width(half_width * 0.5, half_width), half_height * self.unit
        self.pen.rectangle((x - half, y - up, x + half, y + up), fill=in_shade(colour))
        self.pen.rectangle((x - half * 0.8, y - up * 0.85, x + half * 0.9, y + up * 0.8), fill=colour)


def _capsule(a: tuple[float, float], ra: float, b: tuple[float, float], rb: float) -> Outline:
    """Outline of two half discs and the band between them."""
    along = atan2(b[1] - a[1], b[0] - a[0])
    outline = []
    for (x, y), radius, start in ((a, ra, along + pi / 2), (b, rb, along - pi / 2)):
        for step in range(5):
            angle = start + pi * step / 4
            outline.append((x + radius * cos(angle), y + radius * sin(angle)))
    return outline
