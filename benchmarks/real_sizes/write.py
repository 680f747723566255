"""The data sets on disk. Goes on where it was interrupted, and makes the same bytes then."""

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object
from real_sizes.data_sets import REAL, image_size, shots

MARK = (
    "real-size.json"  # in a data set's folder: of which scale and seed it is, and, once all is there, how many images
)
BLOCK, COLUMNS, LINES = 8, 7, 3  # an image's number, black and white, in blocks of so many pixels
COARSE, GRAIN = 12, 20  # pixels of the random field's step; grey levels of the noise on it
QUALITY = 80  # of JPEG
PORTION = 256  # images of a process at a time


def write(folder: Path, names: Iterable[str], *, scale: float = 1, seed: int = 0, workers: int = 1) -> dict[str, int]:
    """Writes those data sets below a data root that are not complete there. Returns: name -> images.

    Raises: InputError: a data set of another scale or seed lies there.
    """
    written = {}
    for name in names:
        at = folder / REAL[name].layout.folder
        mark, made = at / MARK, {"scale": scale, "seed": seed}
        found = read_object(mark) if mark.exists() else made
        if found is None or {key: found.get(key) for key in made} != made:
            raise InputError(
                f"{at} holds images of another scale or seed, {found}; delete it, or choose another folder"
            )
        if "images" not in found:
            at.mkdir(parents=True, exist_ok=True)
            mark.write_text(json.dumps(made))
            found = made | {"images": _write(name, at, scale, seed, workers)}
            mark.write_text(json.dumps(found))
        written[name] = found["images"]
    return written


def _write(name: str, folder: Path, scale: float, seed: int, workers: int) -> int:
    layout, planned = REAL[name].layout, list(shots(name, scale))
    paths = [folder / layout.path(shot) for shot in planned]
    for parent in dict.fromkeys(path.parent for path in paths):
        parent.mkdir(parents=True, exist_ok=True)
    for file, text in layout.lists(planned).items():
        (folder / file).write_text(text)
    portions = _portions(enumerate(map(str, paths)))
    write_portion = partial(_write_portion, name, seed)
    with tqdm(total=len(paths), desc=name, unit="image") as bar:
        if workers <= 1:
            for portion in portions:
                bar.update(write_portion(portion))
        else:
            with ProcessPoolExecutor(workers) as pool:
                for count in pool.map(write_portion, portions):
                    bar.update(count)
    return len(paths)


def _portions(numbered: Iterator[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    while portion := list(islice(numbered, PORTION)):
        yield portion


def _write_portion(name: str, seed: int, portion: list[tuple[int, str]]) -> int:
    for number, path in portion:
        if not os.path.exists(path):
            _save(_draw(name, seed, number), path)
    return len(portion)


def _save(image: Image.Image, path: str) -> None:
    """Whole or not at all: an unfinished file has a hidden name, which no reader looks at."""
    folder, file = os.path.split(path)
    unfinished = os.path.join(folder, f".{file}")
    image.save(unfinished, quality=QUALITY, compress_level=1)  # each format takes its own of the two
    os.replace(unfinished, path)


def _draw(name: str, seed: int, number: int) -> Image.Image:
    """A smooth random field with some noise, and the image's number in its corner, so that no two are alike."""
    rng = np.random.default_rng((seed, REAL[name].number, number))
    width, height = image_size(name, rng)
    field = rng.integers(0, 256, (height // COARSE + 1, width // COARSE + 1, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC))
    pixels = smooth - smooth // 8 + rng.integers(0, GRAIN, (height, width, 1), dtype=np.uint8)
    number_in_all = number * len(REAL) + REAL[name].number
    bits = np.array([number_in_all >> place & 1 for place in range(COLUMNS * LINES)], dtype=np.uint8) * 255
    blocks = bits.reshape(LINES, COLUMNS).repeat(BLOCK, 0).repeat(BLOCK, 1)
    pixels[: LINES * BLOCK, : COLUMNS * BLOCK] = blocks[:, :, None]
    return Image.fromarray(pixels)
