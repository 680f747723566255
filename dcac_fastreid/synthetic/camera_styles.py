"""How the cameras of the domains see, and what they overlook."""

from dataclasses import replace

from dcac_fastreid.synthetic.cameras import CameraStyle, Surroundings

SQUARE = Surroundings(
    grounds={"silver": 2, "grey": 2, "beige": 2, "khaki": 1},
    pavings={"tiles": 3, "asphalt": 2, "grass": 1, "road": 0.7},
    walls={"beige": 1, "olive": 2, "moss": 1, "silver": 1, "brown": 0.5},
    facades={"trees": 2.5, "plain": 1, "bricks": 1, "shop": 0.8},
)
WINTER_STREET = Surroundings(
    grounds={"grey": 3, "silver": 1.5, "charcoal": 1, "brown": 0.6},
    pavings={"asphalt": 3, "road": 2, "tiles": 2, "grass": 0.4},
    walls={"grey": 2, "brown": 1.5, "silver": 1.5, "charcoal": 0.7, "wine": 0.4},
    facades={"trees": 1.5, "windows": 2, "bricks": 1.5, "shop": 1, "plain": 0.7},
)
HALL = Surroundings(
    grounds={"beige": 2, "silver": 2, "khaki": 1, "brown": 0.7},
    pavings={"floor": 1},
    walls={"white": 2, "beige": 2, "sky": 0.6, "silver": 1},
    facades={"plain": 2, "windows": 1, "shop": 1.4},
    indoors=True,
)
BRICK_CAMPUS = Surroundings(
    grounds={"brown": 1.5, "khaki": 2, "grey": 1.5, "beige": 1},
    pavings={"grass": 2.2, "tiles": 2, "asphalt": 1.5},
    walls={"brown": 2, "wine": 1, "khaki": 1.5, "olive": 1},
    facades={"bricks": 2.5, "trees": 2, "windows": 1, "plain": 0.5},
)
CORRIDOR = Surroundings(
    grounds={"silver": 2, "grey": 2, "white": 1, "beige": 1, "khaki": 1, "brown": 0.7},
    pavings={"floor": 2, "tiles": 2, "asphalt": 1},
    walls={"white": 2, "silver": 2, "sky": 1, "grey": 1, "beige": 1, "brown": 0.5, "teal": 0.5},
    facades={"plain": 2, "windows": 1.5, "bricks": 1, "shop": 0.7},
    indoors=True,
)

SUNNY_SQUARE = CameraStyle(
    surroundings=(SQUARE,),
    places=4,
    horizon=(-0.3, 0.35),
    tilt=(0.1, 0.3),
    tone=(1.1, 1.05, 0.98),
    exposure=(0.95, 1.15),
    exposure_spread=0.12,
    cast_spread=0.075,
    flicker_spread=0.04,
    contrast=(0.88, 1.08),
    haze=(0.0, 0.12),
    saturation=(0.75, 1.05),
    blur=(0.2, 0.65),
    motion=0.2,
    noise=(2.0, 6.0),
    rows=(80, 116),
    day_light=0.5,
    day_colour=0.5,
    crop_error=0.25,
    occlusion=0.12,
    passers_by=0.3,
)
STREETS_AND_HALLS = replace(
    SUNNY_SQUARE,
    surroundings=(WINTER_STREET, WINTER_STREET, WINTER_STREET, HALL),
    horizon=(0.0, 0.5),
    tilt=(0.02, 0.2),
    tone=(0.86, 0.92, 1.0),
    exposure=(0.88, 1.12),
    exposure_spread=0.15,
    cast_spread=0.08,
    contrast=(0.85, 1.12),
    haze=(0.0, 0.08),
    saturation=(0.6, 1.0),
    blur=(0.3, 0.9),
    noise=(3.0, 8.0),
    rows=(100, 180),
    day_light=0.8,
    day_colour=0.6,
    crop_error=0.15,
    occlusion=0.25,
    passers_by=0.5,
)
WIDE_CAMPUS = replace(
    SUNNY_SQUARE,
    surroundings=(BRICK_CAMPUS,),
    places=3,
    horizon=(-0.2, 0.45),
    tilt=(0.08, 0.28),
    tone=(1.05, 1.0, 0.88),
    exposure=(0.85, 1.1),
    exposure_spread=0.14,
    cast_spread=0.06,
    contrast=(0.9, 1.12),
    haze=(0.0, 0.06),
    saturation=(0.7, 0.95),
    blur=(0.3, 1.0),
    noise=(2.0, 5.0),
    rows=(120, 210),
    day_light=0.6,
    day_colour=0.4,
    crop_error=0.1,
    occlusion=0.3,
    passers_by=0.4,
)
COVERED_CORRIDOR = replace(
    SUNNY_SQUARE,
    surroundings=(CORRIDOR,),
    places=10,  # many: with two cameras, a background of its own would tell the camera and outweigh the person
    horizon=(-0.1, 0.5),
    tilt=(0.15, 0.35),
    tone=(0.92, 1.06, 1.04),
    exposure=(0.92, 1.08),
    exposure_spread=0.1,
    cast_spread=0.045,
    contrast=(0.8, 0.95),
    haze=(0.05, 0.15),
    saturation=(0.7, 0.9),
    blur=(0.3, 0.9),
    noise=(4.0, 9.0),
    rows=(90, 160),
    crop_error=0.35,
    occlusion=0.12,
    passers_by=0.2,
)
