"""Images as PNG files and one HTML page that needs nothing else: no script, no network."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files
from dcac_fastreid.pages.content import SYNTHETIC, TONES, Grid, Section
from dcac_fastreid.pages.template import render

PAGE = "index.html"


def check_folder(folder: str | Path) -> None:
    """Asks, before the work whose images it shall take, whether a page's folder can be made or written; makes nothing.

    Raises: InputError: it cannot, or something that is no file has the page's name.
    """
    refuse_no_files(Path(folder) / PAGE)
    check_writable(folder, "the images shall go to", "choose another folder with --output")


def write_page(
    folder: str | Path,
    title: str,
    sections: Sequence[Section],
    command: str,
    *,
    results: Sequence[Grid] = (),
    synthetic: bool = False,
) -> Path:
    """Writes NAME.png of every section and index.html, which holds them all; returns the page's path.

    Whole or not at all: every file is on the disk before the first one takes its place. Other files in the folder stay.

    Args:
        command: the command line that makes the page again.
        results: tables, before all sections.
        synthetic: whether the images are of a synthetic data set, which the title then says.
    Raises:
        InputError: the folder cannot be written; what was there before is as it was.
        ValueError: two sections of one name, or none.
    """
    folder = Path(folder)
    names = {section.name for section in sections}
    if not sections or len(names) < len(sections):
        raise ValueError(f"expected sections of different names, got {[section.name for section in sections]}")
    files = {f"{section.name}.png": section.png for section in sections if section.png is not None}
    page = render(
        "images.html.j2",
        title=f"{title} ({SYNTHETIC})" if synthetic else title,
        synthetic=synthetic,
        results=results,
        sections=sections,
        command=command,
        tones=TONES,
    )
    files[PAGE] = page.encode()  # last: it takes its place when all images have theirs
    refuse_no_files(*(folder / name for name in files))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished", dir=folder) as unfinished:
            for name, content in files.items():
                Path(unfinished, name).write_bytes(content)
            for name in files:
                os.replace(Path(unfinished, name), folder / name)
    except OSError as error:
        raise InputError(
            f"the images cannot be written to {folder} ({error.strerror}); free some space, or choose another folder with "
            "--output"
        ) from error
    return folder / PAGE
