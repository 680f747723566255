"""What the page asks about an index and is answered, as plain values for JSON."""

import hashlib
from collections import Counter

from dcac_fastreid.data.readers.dg_datasets import in_synthetic_data
from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.search.answers import Hit, chance_words
from dcac_fastreid.deploy.search.calibration import Calibration
from dcac_fastreid.deploy.search.cameras_and_times import as_time, camera_of, time_text
from dcac_fastreid.deploy.search.search import Search
from dcac_fastreid.deploy.search.stated_rate import FEWEST_FALSE_MATCHES
from dcac_fastreid.deploy.search.vectors import Where
from dcac_fastreid.deploy.serve.gallery_files import GalleryFiles
from dcac_fastreid.deploy.serve.given_photos import GivenPhoto, GivenPhotos
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable

EVEN = 0.5  # the prior of "same person?": before two photos are compared, yes and no are equally likely


class Answers:
    """Of one index. Args: detector: as GivenPhotos."""

    def __init__(self, search: Search, detector: PersonDetector | None = None):
        self._search = search
        self.given = GivenPhotos(lambda images: search.extract(images).numpy(), detector)
        self.files = GalleryFiles(search.gallery)
        self._numbers_of: dict[str, list[int]] = {}  # of the photos with a file's SHA-256
        for number, sha256 in enumerate(search.gallery.hashes):
            self._numbers_of.setdefault(sha256, []).append(number)

    def about(self) -> dict:
        """What the page shows before the first search."""
        gallery, calibration = self._search.gallery, self._search.calibration
        times = [time for time in gallery.times if time is not None]
        counts = Counter(camera for camera in gallery.cameras if camera is not None)
        return {
            "gallery": printable(gallery.images.name),
            "photos": len(gallery),
            "synthetic": in_synthetic_data(gallery.images),
            "encoder": printable(gallery.content["encoder"]["checkpoint"]),
            "cameras": sorted(counts.items(), key=lambda item: (len(item[0]), item[0])),  # 2 before 10
            "times": [time_text(min(times)), time_text(max(times))] if times else None,
            "calibration": None if calibration is None else _calibration(calibration),
            "notes": self._search.notes().splitlines(),
        }

    def give(self, content: bytes, name: str) -> list[dict]:
        """Takes a photo, see GivenPhotos.add. One of the gallery has the camera of the index, another that in its name."""
        numbers = self._numbers_of.get(hashlib.sha256(content).hexdigest(), ())
        known = {self._search.gallery.cameras[number] for number in numbers}
        camera = known.pop() if len(known) == 1 else camera_of(name)
        return [_given(photo) for photo in self.given.add(content, name, camera)]

    def give_from_gallery(self, address: str) -> list[dict]:
        """Takes a photo of the gallery as if it were given. Args: address: as GalleryFiles."""
        content, camera = self.files.content(address), self._search.gallery.cameras[self.files.number(address)]
        return [_given(photo) for photo in self.given.add(content, self.files.name(address), camera)]

    def hits(
        self,
        key: str,
        k: int,
        cameras: list[str],
        *,
        not_query_camera: bool = False,
        after: str | None = None,
        before: str | None = None,
    ) -> dict:
        """The k most similar photos of the gallery, how many were searched, and how to read that.

        Args: key: of a given photo. cameras: none for all. after, before: as ISO 8601 writes times.
        Raises: Missing: no such photo. InputError: no time, filters that leave nothing, a query whose camera is not known.
        """
        query = self.given[key]
        start, end = (
            as_time(text, f"the time {what}") if text else None
            for text, what in ((after, "from which on to search"), (before, "before which to search"))
        )
        where = Where(frozenset(cameras) or None, _camera(query) if not_query_camera else None, start, end)
        hits = self._search.hits(query.feature, k, where)
        not_left_out = self._search.not_left_out(where.not_camera)
        return {
            "searched": self._search.gallery.count(where),
            "hits": [self._hit(hit) for hit in hits],
            "notes": [*([not_left_out] if not_left_out else []), *self._search.notes(where).splitlines()],
        }

    def compare(self, one: str, other: str) -> dict:
        """Of two given photos: the similarity, and the chance that they show one person; unknown without a calibration."""
        similarity = float(self.given[one].feature @ self.given[other].feature)
        calibration = self._search.calibration
        chance = None if calibration is None else float(calibration.probability(similarity, EVEN))
        return {"similarity": similarity, "chance": chance_words(chance), "prior": EVEN}

    def _hit(self, hit: Hit) -> dict:
        gallery = self._search.gallery
        return {
            "photo": self.files.address(self._search.number_of[hit.photo]),
            "name": printable(hit.photo.relative_to(gallery.images).as_posix()),
            "similarity": hit.similarity,
            "chance": hit.chance,
            "camera": hit.camera,
            "time": None if hit.time is None else time_text(hit.time),
        }


def _given(photo: GivenPhoto) -> dict:
    return {"key": photo.key, "name": photo.name, "camera": photo.camera, "hint": photo.hint}


def _camera(query: GivenPhoto) -> str:
    if query.camera is None:
        raise InputError(
            f"the camera of {query.name} is not known, so its photos cannot be left out; name it in the file's name, as in "
            "cam2_0001.jpg"
        )
    return query.camera


def _calibration(known: Calibration) -> dict:
    """rates: of two people and of one above each threshold, see RateCurve; None of an older calibration.

    smallest_rate: below it too few pairs are above the threshold for a figure.
    """
    return {
        "name": known.validation["name"],
        "threshold": known.threshold,
        "false_match_rate": known.false_match_rate,
        "true_match_rate": known.true_match_rate,
        "smallest_rate": FEWEST_FALSE_MATCHES / known.validation["impostor_pairs"],
        "rates": known.rates,
    }
