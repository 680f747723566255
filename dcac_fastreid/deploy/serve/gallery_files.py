"""The files of the gallery's photos, as they are and as small images: those that the index names, and no others."""

import functools
import hashlib
import io

from PIL import Image

from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.serve.missing import Missing
from dcac_fastreid.deploy.serve.small_images import decoded, thumbnail
from dcac_fastreid.names import printable

THUMBNAILS = 1024  # kept, of some 10 kB
AGAIN = "bring the index up to date, and start the page again"


class GalleryFiles:
    """A photo's address is its place in the gallery and the SHA-256 of its file, "17-ab...": copies of one file have one each, and
    the address of another index, of a page that is still open, leads to nothing. A file is given only if it still has that SHA-256.
    """

    def __init__(self, gallery: Gallery):
        self._gallery = gallery
        self.thumbnail = functools.lru_cache(THUMBNAILS)(self._thumbnail)

    def address(self, number: int) -> str:
        return f"{number}-{self._gallery.hashes[number]}"

    def number(self, address: str) -> int:
        """Raises: Missing: no photo of the gallery."""
        digits = address.partition("-")[0]
        if digits.isascii() and digits.isdecimal() and len(digits) < 19:
            number = int(digits)
            if number < len(self._gallery) and address == self.address(number):
                return number
        raise Missing("the index has no such photo; search again")

    def name(self, address: str) -> str:
        """The photo's path below the folder of the photos."""
        photo = self._gallery.photos[self.number(address)]
        return printable(photo.relative_to(self._gallery.images).as_posix())

    def content(self, address: str) -> bytes:
        """The file. Raises: Missing: no photo of the index, or its file is gone or has changed."""
        number = self.number(address)
        photo = self._gallery.photos[number]
        try:
            if not photo.is_file():  # a pipe would be waited for
                raise FileNotFoundError
            content = photo.read_bytes()
        except OSError as error:
            raise Missing(f"{self.name(address)} is gone from the gallery; {AGAIN}") from error
        if hashlib.sha256(content).hexdigest() != self._gallery.hashes[number]:
            raise Missing(f"{self.name(address)} has changed since it was indexed; {AGAIN}")
        return content

    def media_type(self, content: bytes) -> str:
        with Image.open(io.BytesIO(content)) as image:
            kind = (
                "JPEG" if image.format == "MPO" else image.format or ""
            )  # a phone's JPEG with a second image behind it
            return Image.MIME.get(kind, "application/octet-stream")

    def _thumbnail(self, address: str) -> bytes:
        """A JPEG file. Raises: Missing: as `content`."""
        return thumbnail(decoded(self.content(address), self.name(address)))
