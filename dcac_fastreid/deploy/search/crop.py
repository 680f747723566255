"""Is a photo a crop of one person, as the encoder was trained on? A hint where it clearly is none."""

from pathlib import Path

from PIL import Image

from dcac_fastreid.deploy.images import counted
from dcac_fastreid.names import shown

# A person who fills the height of a frame of 1080 pixels, at half of that in width, has 0.6 million; a frame has 2.1 million.
MOST_PIXELS = 1_000_000
TURNED = (5, 6, 7, 8)  # EXIF orientations by which width and height change places
ORIENTATION = 0x0112


def why_no_crop(photo: Path) -> str:
    """In words that follow the photo's name; "" where it may be one."""
    return _why_no_crop(_size(photo))


def _why_no_crop(size: tuple[int, int]) -> str:
    width, height = size
    if width > height:
        return f"is wider than tall ({width} x {height})"
    if width * height > MOST_PIXELS:
        return f"is far larger than a crop of a person ({width} x {height})"
    return ""


def hint(photo: Path) -> str:
    """A sentence, "" where none is due."""
    return hint_for(_size(photo))


def hint_for(size: tuple[int, int]) -> str:
    """As `hint`, of width and height."""
    if not (why := _why_no_crop(size)):
        return ""
    return (
        f"Hint: this photo {why}; the search expects one person, cropped, head to feet: cut the person out, or let --detector find "
        "the people on it, and search again"
    )


def describe_no_crops(photos: list[Path]) -> list[str]:
    """Of a gallery: one line, or none."""
    found = [photo for photo in photos if why_no_crop(photo)]
    if not found:
        return []
    return [
        f"no crops of one person (wider than tall, or far larger): {counted(len(found), 'image')}, {shown(found)}; people on "
        "them will hardly be found: cut them out first, by dcac-fastreid search crop"
    ]


def _size(photo: Path) -> tuple[int, int]:
    """Width and height as the photo is looked at; only its header is read."""
    with Image.open(photo) as image:
        try:
            turned = image.getexif().get(ORIENTATION) in TURNED
        except Exception:  # broken EXIF data: taken as it lies, as data.read_image does
            turned = False
        return image.size[::-1] if turned else image.size
