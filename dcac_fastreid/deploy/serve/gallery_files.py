"""The files of the gallery's photos, as they are and as small images: those that the index names, and no others."""

import functools
import hashlib
import io
import os

from PIL import Image

from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.serve.missing import Missing
from dcac_fastreid.deploy.serve.small_images import decoded, thumbnail
from dcac_fastreid.names import printable

THUMBNAILS = 1024  # kept, of some 10 kB
AGAIN = "bring the index up to date, and start the page again"


class GalleryFiles:
    """A photo is called by the SHA-256 of its file that the index has, and is given only if its file still has it."""

    def __init__(self, gallery: Gallery):
        self._gallery = gallery
        self._number_of = {sha256: number for number, sha256 in reversed([*enumerate(gallery.hashes)])}
        self.thumbnail = functools.lru_cache(THUMBNAILS)(self._thumbnail)

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._number_of

    def name(self, sha256: str) -> str:
        """Its path below the folder of the photos."""
        return printable(self._photo(sha256).relative_to(self._gallery.images).as_posix())

    def camera(self, sha256: str) -> str | None:
        return self._gallery.cameras[self._number(sha256)]

    def content(self, sha256: str) -> bytes:
        """The file. Raises: Missing: no photo of the index, or its file is gone or has changed."""
        photo = self._photo(sha256)
        try:
            if not photo.is_file():  # a pipe would be waited for
                raise FileNotFoundError
            content = photo.read_bytes()
        except OSError as error:
            raise Missing(f"{self.name(sha256)} is gone from the gallery; {AGAIN}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Missing(f"{self.name(sha256)} has changed since it was indexed; {AGAIN}")
        return content

    def media_type(self, content: bytes) -> str:
        with Image.open(io.BytesIO(content)) as image:
            kind = (
                "JPEG" if image.format == "MPO" else image.format or ""
            )  # a phone's JPEG with a second image behind it
            return Image.MIME.get(kind, "application/octet-stream")

    def _thumbnail(self, sha256: str) -> bytes:
        """A JPEG file. Raises: Missing: as `content`."""
        return thumbnail(decoded(self.content(sha256), self.name(sha256)))

    def _photo(self, sha256: str) -> os.PathLike:
        return self._gallery.photos[self._number(sha256)]

    def _number(self, sha256: str) -> int:
        number = self._number_of.get(sha256)
        if number is None:
            raise Missing("the index has no such photo; search again")
        return number
