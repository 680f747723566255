"""From values to the HTML of a page: the only import of Jinja2, opened late because it takes a moment."""

import base64
import functools
import io
import re
from typing import TYPE_CHECKING

from dcac_fastreid.names import printable, shortened
from dcac_fastreid.pages.content import Tile

LONG_WORD = 24  # letters; longer ones, such as the names of files, may be broken behind / _ and -
LARGEST = (256, 512)  # pixels of a tile in a page: twice its width on the screen, for screens of fine pixels

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def render(template: str, **values) -> str:
    """The page that a file of templates/ makes of these values; every value is escaped, and its names are printable.

    Raises: jinja2.UndefinedError: the template wants a value that is not there.
    """
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dcac_fastreid.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_seen,
    )
    environment.filters |= {"shortened": shortened, "base64": _base64, "jpeg": _jpeg, "breakable": _breakable}
    return environment


def _seen(value):
    """A text as it can be shown, since a file's name can hold any byte; what is marked as HTML stays as it is."""
    return printable(value, keep="\n") if type(value) is str else value


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _jpeg(tile: Tile) -> str:
    """The tile's image, at most LARGEST; its whole size where it is smaller."""
    image = tile.image.convert("RGB")
    image.thumbnail(LARGEST)
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=90)
    return _base64(stream.getvalue())


def _breakable(text: str) -> "Markup":
    """The text, escaped; a long word can be broken where its parts end, so that a browser breaks it nowhere else."""
    from markupsafe import Markup

    words = re.split(r"(\s+)", printable(text, keep="\n"))
    parts = [re.split(r"(?<=[/_-])", word) if len(word) > LONG_WORD else [word] for word in words]
    return Markup("").join(Markup("<wbr>").join(of_word) for of_word in parts)
