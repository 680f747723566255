"""What the people of the domains wear."""

from dcac_fastreid.synthetic.people import Wardrobe

SUMMER = Wardrobe(  # in front of a supermarket
    top_dyes={
        "white": 5, "black": 4, "grey": 2.5, "red": 2.2, "sky": 2, "blue": 2, "pink": 2, "navy": 1.5, "yellow": 1.4,
        "green": 1.4, "beige": 1.2, "orange": 1, "purple": 1, "teal": 1, "khaki": 0.8, "wine": 0.8,
    },
    bottom_dyes={
        "black": 4, "denim": 4, "navy": 2, "khaki": 1.8, "grey": 1.5, "white": 1.5, "beige": 1, "blue": 1, "red": 0.4,
    },
    patterns={"plain": 5, "print": 2, "stripes": 1.2, "pinstripes": 0.5, "checks": 1, "dots": 0.5, "block": 0.8},
    bottoms={"trousers": 4, "shorts": 4, "skirt": 2.2},
    bags={"none": 3, "backpack": 3, "shoulder": 2, "handbag": 1.6},
    bag_dyes={
        "black": 3, "red": 1.3, "blue": 1.3, "grey": 1, "khaki": 1, "brown": 1, "pink": 0.8, "yellow": 0.6,
        "green": 0.6, "white": 0.6,
    },
    long_sleeves=0.15,
    long_coats=0.0,
    open_jackets=0.2,
    hats=0.08,
    look_alikes=0.2,
)  # fmt: skip
COLD = Wardrobe(  # long dark coats
    top_dyes={
        "black": 6, "charcoal": 3, "navy": 3, "grey": 2.5, "olive": 1.6, "wine": 1.6, "red": 1.6, "white": 1.4,
        "blue": 1.4, "khaki": 1.2, "brown": 1.2, "beige": 1.2, "pink": 0.9, "green": 0.8, "purple": 0.7,
        "orange": 0.6, "yellow": 0.6,
    },
    bottom_dyes={"black": 6, "denim": 4, "navy": 3, "charcoal": 2, "grey": 1.2, "brown": 0.8, "khaki": 0.8},
    patterns={"plain": 6, "print": 0.8, "stripes": 0.7, "checks": 0.9, "block": 1.6, "camouflage": 0.5},
    bottoms={"trousers": 8, "shorts": 0.1, "skirt": 1.2},
    bags={"none": 3, "backpack": 3.2, "shoulder": 2, "handbag": 1.5},
    bag_dyes={
        "black": 4, "brown": 1.4, "charcoal": 1, "red": 1, "blue": 1, "khaki": 1, "wine": 0.7, "pink": 0.6,
        "white": 0.6,
    },
    long_sleeves=0.97,
    long_coats=0.45,
    open_jackets=0.3,
    hats=0.15,
    look_alikes=0.2,
)  # fmt: skip
CAMPUS_WINTER = Wardrobe(  # jackets and coats, jeans, backpacks
    top_dyes={
        "black": 5, "navy": 3, "charcoal": 3, "grey": 2.5, "blue": 2, "brown": 1.8, "khaki": 1.6, "olive": 1.6,
        "wine": 1.4, "teal": 1.2, "green": 1.2, "red": 1.2, "white": 1, "silver": 1, "purple": 0.8, "beige": 0.8,
    },
    bottom_dyes={"denim": 7, "black": 3, "navy": 2, "khaki": 2, "charcoal": 1.5, "grey": 1, "brown": 1, "olive": 0.6},
    patterns={"plain": 6, "block": 2, "checks": 1.4, "print": 1, "stripes": 0.5},
    bottoms={"trousers": 9, "shorts": 0.4, "skirt": 0.5},
    bags={"none": 2, "backpack": 5, "shoulder": 1.6, "handbag": 0.5},
    bag_dyes={
        "black": 4, "navy": 1.5, "grey": 1.2, "blue": 1.2, "charcoal": 1, "red": 1, "green": 0.8, "brown": 0.8,
        "purple": 0.5, "orange": 0.5,
    },
    long_sleeves=0.95,
    long_coats=0.22,
    open_jackets=0.5,
    hats=0.22,
    look_alikes=0.2,
)  # fmt: skip
STUDENTS = Wardrobe(  # in summer
    top_dyes={
        "white": 5, "grey": 3, "black": 3, "blue": 2.4, "sky": 2.2, "navy": 2, "silver": 1.6, "green": 1.4, "red": 1.4,
        "purple": 1.2, "pink": 1.2, "orange": 1, "yellow": 1, "teal": 1, "olive": 0.6, "beige": 0.6,
    },
    bottom_dyes={"denim": 5, "black": 3.5, "khaki": 2.2, "grey": 2, "navy": 2, "olive": 1, "white": 0.8, "beige": 0.8},
    patterns={"plain": 6, "print": 3, "stripes": 2, "checks": 1.2, "block": 0.6, "pinstripes": 0.5},
    bottoms={"trousers": 6, "shorts": 3, "skirt": 1},
    bags={"none": 2.5, "backpack": 5, "shoulder": 2, "handbag": 0.4},
    bag_dyes={
        "black": 3.5, "blue": 1.5, "grey": 1.4, "navy": 1.2, "red": 1, "green": 0.8, "orange": 0.7, "purple": 0.7,
        "khaki": 0.7, "white": 0.4,
    },
    long_sleeves=0.25,
    long_coats=0.0,
    open_jackets=0.4,
    hats=0.04,
    look_alikes=0.2,
)  # fmt: skip
