"""Who of a gallery is on a photo? And what a similarity means there: the calibration of an index."""

import logging
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from dcac_fastreid.arguments import as_count, as_path, as_share
from dcac_fastreid.deploy.search.answers import NOT_CALIBRATED, Answer, Hit, explain_calibration
from dcac_fastreid.deploy.search.calibration import Calibration, calibrate
from dcac_fastreid.deploy.search.calibration_file import FILE, calibrate_command, read_calibration, write_calibration
from dcac_fastreid.deploy.search.cameras_and_times import camera_of, describe
from dcac_fastreid.deploy.search.crop import hint
from dcac_fastreid.deploy.search.feature_folder import update_command
from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.search.index_encoder import check_same_encoder, encoder_of
from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.deploy.search.stated_rate import check_people
from dcac_fastreid.deploy.search.vectors import EVERYWHERE, Where
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import refuse_no_files

logger = logging.getLogger("fastreid.dcac")


class Search:
    """A gallery's index, its calibration where it has one, and the encoder of both.

    Args:
        index: a folder that extract_folder wrote.
        checkpoint, config_file: those that the index was made with, where they have moved.
        prior: probability that a gallery photo shows the person of a query, before they are compared. None: each of the n
            photos that are searched, and nobody, are equally likely, 1 / (n + 1).
        milvus: as Gallery.
    Attributes: number_of: photo -> its place in the gallery.
    Raises: InputError: no index, one or a calibration of another checkpoint, a prior outside of (0, 1), or as Milvus.
    """

    def __init__(
        self,
        index: str | Path,
        *,
        checkpoint: str | Path | None = None,
        config_file: str | Path | None = None,
        device: str | None = None,
        prior: float | None = None,
        milvus: str | None = None,
    ):
        self.prior = None if prior is None else as_share(prior, "the prior", "0.01")
        self.gallery = Gallery(index, milvus)
        self.calibration = read_calibration(index)
        self.number_of = {photo: number for number, photo in enumerate(self.gallery.photos)}
        self.extract = encoder_of(self.gallery, checkpoint, config_file, device)
        if self.calibration:
            identity = self.extract.encoder.identity()
            check_same_encoder(
                self.calibration.encoder,
                identity,
                f"the calibration of {index}",
                f"calibrate again: {calibrate_command(index)}",
            )

    def __call__(
        self,
        photos: str | Path | Iterable[str | Path],
        k: int = 10,
        where: Where = EVERYWHERE,
        *,
        not_query_camera: bool = False,
    ) -> list[Answer]:
        """The k most similar photos of the gallery, or all there are, for one photo or for each of a list.

        Args:
            where: which photos of the gallery are searched.
            not_query_camera: for each query, the photos by its own camera are left out, too. That is the one that the index
                knows of it, or that in its name.
        Raises: InputError: a photo that is not there or cannot be read, a k that is no whole number of 1 or more, filters that
            leave no photo, or a query whose camera is not known where it has to be.
        """
        if isinstance(photos, str | os.PathLike) or not isinstance(photos, Iterable):
            photos = [photos]
        files = [as_path(photo, "a photo") for photo in photos]
        as_count(k, "the number of photos that are asked for")  # before the work
        self._check(where)
        wheres = [replace(where, not_camera=self.query_camera(file)) if not_query_camera else where for file in files]
        found = self.gallery.nearest(self.extract(files, progress="photos").numpy(), k, wheres)
        for camera in dict.fromkeys(each.not_camera for each in wheres):
            if not_left_out := self.not_left_out(camera):
                logger.warning(not_left_out)
        return [
            Answer(file, self._hits(row, each), hint(file))
            for file, row, each in zip(files, found, wheres, strict=True)
        ]

    def hits(self, feature: np.ndarray, k: int, where: Where = EVERYWHERE) -> list[Hit]:
        """The k most similar photos of the gallery for the feature of one photo, (D,), by this encoder.

        Raises: InputError: as a search of photos.
        """
        self._check(where)
        (found,) = self.gallery.nearest(feature[None], k, where)
        return self._hits(found, where)

    def not_left_out(self, camera: str | None) -> str:
        """A sentence where no photo by this camera can be left out, as the index has none by a camera of that name; else ""."""
        if camera is None or camera in self.gallery.cameras:
            return ""
        known = shown(sorted({name for name in self.gallery.cameras if name is not None}), 20) or "none"
        return f"The index has no photo by the query's camera, {camera}, so none is left out; its cameras: {known}"

    def notes(self, where: Where = EVERYWHERE, *, not_query_camera: bool = False) -> str:
        """What one has to know to read the answers of searches with this filter, in lines. Args: not_query_camera: as a search."""
        notes = []
        for files, what in (
            (self.gallery.gone, "are gone"),
            (self.gallery.changed, "have changed since they were indexed, and are left out"),
            (self.gallery.added, "lie in the folder and are not in the index"),
        ):
            if files:
                again = update_command(self.gallery.folder)
                notes.append(f"Photos that {what}: {len(files)}, {shown(files)}; bring the index up to date: {again}")
        if self.calibration is None:
            return "\n".join([*notes, f"The similarity is the cosine of two features; {NOT_CALIBRATED}."])
        self._check(where)
        count = self.gallery.count(where)
        prior = 1 / (count + 1) if self.prior is None else self.prior
        before = f"{prior:.3g} before looking"
        if self.prior is None:
            number = "1 + the photos searched" if not_query_camera else str(count + 1)
            before += f", 1 in {number}, as if each gallery photo, or nobody, were equally likely"
        return "\n".join([*notes, *explain_calibration(self.calibration, count, before)])

    def _hits(self, found: list[tuple[int, float]], where: Where) -> list[Hit]:
        prior = 1 / (self.gallery.count(where) + 1) if self.prior is None else self.prior
        return [self._hit(number, similarity, prior) for number, similarity in found]

    def _hit(self, number: int, similarity: float, prior: float) -> Hit:
        gallery, known = self.gallery, self.calibration
        place = {"camera": gallery.cameras[number], "time": gallery.times[number]}
        if known is None:
            return Hit(gallery.photos[number], similarity, **place)
        chance = float(known.probability(similarity, prior))
        return Hit(gallery.photos[number], similarity, chance, similarity >= known.threshold, **place)

    def _check(self, where: Where) -> None:
        """Raises InputError: no photo is searched."""
        if self.gallery.count(where):
            return
        cameras, times = self.gallery.cameras, self.gallery.times
        known = describe(cameras, times) or "known: no camera and no time (`search index --table` tells them)"
        names = shown(sorted({camera for camera in cameras if camera is not None}), 20)
        raise InputError(
            f"the filters leave none of the {len(cameras):,} photos of the index; {known}{f'; cameras: {names}' * bool(names)}"
        )

    def query_camera(self, photo: Path) -> str:
        """That which the index knows of a photo, or that in its name. Raises InputError: it is not known."""
        real = Path(os.path.realpath(photo.parent)) / photo.name
        number = self.number_of.get(real)
        camera = camera_of(photo.as_posix()) if number is None else self.gallery.cameras[number]
        if camera is None:
            raise InputError(
                f"the camera of {photo} is not known, so its photos cannot be left out; name it in the file's name, as in "
                "cam2_0001.jpg, or search without --not-query-camera"
            )
        return camera


def calibrate_index(
    index: str | Path,
    people: KnownPeople,
    false_match_rate: float | None = None,
    *,
    checkpoint: str | Path | None = None,
    config_file: str | Path | None = None,
    device: str | None = None,
) -> tuple[Calibration, Gallery]:
    """Calibrates an index on images of known people, and writes that into its folder.

    Args: as Search; false_match_rate: as `check_people`.
    Raises: InputError: as Search and `calibrate`; an earlier calibration stays as it was.
    """
    check_people(people, false_match_rate)
    refuse_no_files(as_path(index, "the index") / FILE)
    gallery = Gallery(index)
    extract = encoder_of(gallery, checkpoint, config_file, device)
    features = extract(people.paths, progress=people.name).numpy()
    calibration = calibrate(people, features, extract.encoder.identity(), false_match_rate)
    write_calibration(calibration, index)
    return calibration, gallery
