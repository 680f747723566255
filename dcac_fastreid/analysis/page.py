"""Pictures as PNG files and one HTML page that needs nothing else: no script, no network."""

import base64
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable
from dcac_fastreid.output_files import check_writable, refuse_no_files

PAGE = "index.html"
STYLE = """
body { font: 15px/1.5 sans-serif; color: #1f2328; max-width: 1200px; margin: 2em auto; padding: 0 1em; }
h2 { margin: 2em 0 0.3em; font-size: 1.2em; }
figure { margin: 0; }
figcaption { max-width: 56em; margin-top: 0.5em; }
img { max-width: 100%; height: auto; border: 1px solid #d1d9e0; }
pre { background: #f6f8fa; padding: 0.8em; overflow-x: auto; }
nav li { margin: 0.1em 0; }
"""


@dataclass(frozen=True)
class Picture:
    """One picture of a page.

    Attributes:
        name: of its file, without ".png"; lower-case letters, digits and hyphens, the kind of picture first, so that it is
            its own on a page of all kinds: "ranked-lists-dg-market1501".
        title: heading above it, a few words.
        png: the file's bytes; see figures.draw_png.
        caption: what is seen, how to read it, and its numbers; plain text, one or more sentences.
    """

    name: str
    title: str
    png: bytes
    caption: str


def check_folder(folder: str | Path) -> None:
    """Asks, before the work whose pictures it shall take, whether a page's folder can be made or written; makes nothing.

    Raises: InputError: it cannot, or something that is no file has the page's name.
    """
    refuse_no_files(Path(folder) / PAGE)
    check_writable(folder, "the pictures shall go to", "choose another folder with --output")


def write_page(folder: str | Path, title: str, pictures: Sequence[Picture], command: str) -> Path:
    """Writes NAME.png of every picture and index.html, which holds them all; returns the page's path.

    Whole or not at all: every file is on the disk before the first one takes its place. Other files in the folder stay.

    Args:
        command: the command line that makes the page again.
    Raises:
        InputError: the folder cannot be written; what was there before is as it was.
        ValueError: two pictures of one name, or none.
    """
    folder = Path(folder)
    files = {f"{picture.name}.png": picture.png for picture in pictures}
    if not pictures or len(files) < len(pictures):
        raise ValueError(f"expected pictures of different names, got {[picture.name for picture in pictures]}")
    files[PAGE] = _page(title, pictures, command).encode()  # last: it takes its place when all pictures have theirs
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
            f"the pictures cannot be written to {folder} ({error.strerror}); free some space, or choose another folder with "
            "--output"
        ) from error
    return folder / PAGE


def _page(title: str, pictures: Sequence[Picture], command: str) -> str:
    contents = "\n".join(f'<li><a href="#{_text(each.name)}">{_text(each.title)}</a></li>' for each in pictures)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_text(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{_text(title)}</h1>\n<nav><ul>\n{contents}\n</ul></nav>\n"
        + "\n".join(map(_section, pictures))
        + f"\n<h2>Made by</h2>\n<pre>{_text(command)}</pre>\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    """Of names too, which need be no text."""
    return escape(printable(text, keep="\n"))


def _section(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode()
    return (
        f'<h2 id="{_text(picture.name)}">{_text(picture.title)}</h2>\n<figure>'
        f'<img src="data:image/png;base64,{data}" alt="{_text(picture.title)}">'
        f"\n<figcaption>{_text(picture.caption)}</figcaption></figure>"
    )
