"""Who of a gallery is on a photo? And what a similarity means there: the calibration of an index."""

import os
from collections.abc import Iterable
from pathlib import Path

from dcac_fastreid.arguments import as_count, as_path, as_share
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.search.answers import NOT_CALIBRATED, Answer, Hit, explain_calibration
from dcac_fastreid.deploy.search.calibration import Calibration, calibrate
from dcac_fastreid.deploy.search.calibration_file import FILE, calibrate_command, read_calibration, write_calibration
from dcac_fastreid.deploy.search.crop import hint
from dcac_fastreid.deploy.search.feature_folder import index_command
from dcac_fastreid.deploy.search.gallery import Gallery
from dcac_fastreid.deploy.search.index_encoder import check_same_encoder, encoder_of
from dcac_fastreid.deploy.search.known_people import KnownPeople
from dcac_fastreid.deploy.search.stated_rate import check_people
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import refuse_no_files


class Search:
    """A gallery's index, its calibration where it has one, and the encoder of both.

    Args:
        index: a folder that extract_folder wrote.
        checkpoint, config_file: those that the index was made with, where they have moved.
        prior: probability that a gallery photo shows the person of a query, before they are compared. None: each of the n
            gallery photos, and nobody, are equally likely, 1 / (n + 1).
    Raises: InputError: no index, one or a calibration of another checkpoint, or a prior outside of (0, 1).
    """

    def __init__(
        self,
        index: str | Path,
        *,
        checkpoint: str | Path | None = None,
        config_file: str | Path | None = None,
        device: str | None = None,
        prior: float | None = None,
    ):
        prior = None if prior is None else as_share(prior, "the prior", "0.01")
        self.gallery = Gallery(index)
        self.calibration = read_calibration(index)
        self.extract = encoder_of(self.gallery, checkpoint, config_file, device)
        if self.calibration:
            identity = self.extract.encoder.identity()
            check_same_encoder(
                self.calibration.encoder,
                identity,
                f"the calibration of {index}",
                f"calibrate again: {calibrate_command(index)}",
            )
        self.prior = 1 / (len(self.gallery) + 1) if prior is None else prior

    def __call__(self, photos: str | Path | Iterable[str | Path], k: int = 10) -> list[Answer]:
        """The k most similar photos of the gallery, or all there are, for one photo or for each of a list.

        Raises: InputError: a photo that is not there or cannot be read, or a k that is no whole number of 1 or more.
        """
        if isinstance(photos, str | os.PathLike) or not isinstance(photos, Iterable):
            photos = [photos]
        files = [as_path(photo, "a photo") for photo in photos]
        as_count(k, "the number of photos that are asked for")  # before the work
        found = self.gallery.nearest(self.extract(files, progress="photos").numpy(), k)
        return [
            Answer(file, [self._hit(number, similarity) for number, similarity in row], hint(file))
            for file, row in zip(files, found, strict=True)
        ]

    def notes(self) -> str:
        """What one has to know to read the answers, in lines."""
        notes = []
        for files, what in (
            (self.gallery.gone, "are gone"),
            (self.gallery.changed, "have changed since they were indexed, and are left out"),
            (self.gallery.added, "lie in the folder and are not in the index"),
        ):
            if files:
                again = index_command(self.gallery.folder, self.gallery.content)
                notes.append(f"Photos that {what}: {len(files)}, {shown(files)}; make the index again: {again}")
        if self.calibration is None:
            return "\n".join([*notes, f"The similarity is the cosine of two features; {NOT_CALIBRATED}."])
        before = f"{self.prior:.3g} before looking"
        if self.prior == 1 / (len(self.gallery) + 1):
            before += f", 1 in {len(self.gallery) + 1}, as if each gallery photo, or nobody, were equally likely"
        return "\n".join([*notes, *explain_calibration(self.calibration, len(self.gallery), before)])

    def _hit(self, number: int, similarity: float) -> Hit:
        photo, known = self.gallery.photos[number], self.calibration
        if known is None:
            return Hit(photo, similarity)
        return Hit(photo, similarity, float(known.probability(similarity, self.prior)), similarity >= known.threshold)


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
