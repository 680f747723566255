"""The people on a whole photo as crops, under names that still tell the photo's camera and time."""

from pathlib import Path, PurePath

from PIL import Image

from dcac_fastreid.deploy.detector import Person, PersonDetector
from dcac_fastreid.deploy.images import counted
from dcac_fastreid.deploy.search.crop import MOST_PIXELS
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown


def people_on(photo: Image.Image, detector: PersonDetector) -> list[tuple[Person, Image.Image]]:
    """Each person and the crop of them, the largest first. A crop has MOST_PIXELS at most; no encoder sees more of it.

    Args: photo: in RGB and upright, as data.read_image gives it.
    """
    return [(person, _shrunk(person.crop(photo))) for person in detector(photo)]


def crop_name(photo: PurePath, number: int) -> str:
    """c3_20240131_235959_person1.jpg of c3_20240131_235959.jpg. Args: number: of the person, from 1."""
    return f"{photo.stem}_person{number}.jpg"


def write_crop(crop: Image.Image, file: Path) -> None:
    """A JPEG without the photo's metadata, such as its place or a comment.

    Raises: OSError: it cannot be written, or the file is there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    crop = crop.copy()
    crop.info.clear()  # Pillow writes a comment in it again
    with open(file, "xb") as stream:
        crop.save(stream, "JPEG", quality=95)


def nobody_found(photos: list[Path], detector: PersonDetector) -> InputError:
    """Where the detector finds nobody on any of these photos."""
    return InputError(
        f"{detector.name} finds nobody on {counted(len(photos), 'photo')}, {shown(photos)}, with a score of {detector.threshold:g} "
        "or more; name photos that show people, or a lower --detector-threshold"
    )


def _shrunk(crop: Image.Image) -> Image.Image:
    width, height = crop.size
    if width * height <= MOST_PIXELS:
        return crop
    share = (MOST_PIXELS / (width * height)) ** 0.5
    return crop.resize((max(int(width * share), 1), max(int(height * share), 1)), Image.Resampling.BICUBIC)
