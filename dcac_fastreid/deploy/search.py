"""Who of a gallery is on a photo? And what a similarity means there: the calibration of an index."""

from collections.abc import Sequence
from pathlib import Path

from dcac_fastreid.deploy.answers import NOT_CALIBRATED, Answer, Hit, explain_threshold
from dcac_fastreid.deploy.calibration import Calibration, calibrate, check_people, read_calibration, write_calibration
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.gallery import Gallery, check_same_encoder
from dcac_fastreid.deploy.known_people import KnownPeople
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown


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
        if prior is not None and not 0 < prior < 1:
            raise InputError(f"the prior is {prior:g}; expected a probability between 0 and 1, such as 0.01")
        self.gallery = Gallery(index)
        self.calibration = read_calibration(index)
        self.extract = _encoder_of(self.gallery, checkpoint, config_file, device)
        if self.calibration:
            identity = self.extract.encoder.identity()
            check_same_encoder(
                self.calibration.encoder, identity, f"the calibration of {index}", "calibrate the index anew"
            )
        self.prior = 1 / (len(self.gallery) + 1) if prior is None else prior

    def __call__(self, photos: Sequence[str | Path], k: int = 10) -> list[Answer]:
        """The k most similar photos of the gallery for each photo.

        Raises: InputError: a photo that is not there or cannot be read, or a k below 1.
        """
        if k < 1:
            raise InputError(f"{k} photos of the gallery are asked for; expected 1 or more")
        files = list(map(Path, photos))
        similarities, numbers = self.gallery.nearest(self.extract(files, progress="photos").numpy(), k)
        return [
            Answer(file, [self._hit(number, float(similarity)) for number, similarity in zip(row, values, strict=True)])
            for file, row, values in zip(files, numbers, similarities, strict=True)
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
                notes.append(f"Photos that {what}: {len(files)}, {shown(files)}; make the index anew.")
        if self.calibration is None:
            return "\n".join([*notes, f"The similarity is the cosine of two features; {NOT_CALIBRATED}."])
        before = f"{self.prior:.3g} before looking"
        if self.prior == 1 / (len(self.gallery) + 1):
            before += f", 1 in {len(self.gallery) + 1}, as if each gallery photo, or nobody, were equally likely"
        return "\n".join(
            [
                *notes,
                explain_threshold(self.calibration),
                f"The probability is that of the same person on both photos, if it was {before} (--prior).",
                f"All this holds for photos like those of {self.calibration.validation['name']}; of another place or camera it "
                "may be wrong.",
            ]
        )

    def _hit(self, number: int, similarity: float) -> Hit:
        photo, known = self.gallery.photos[number], self.calibration
        if known is None:
            return Hit(photo, similarity)
        return Hit(photo, similarity, float(known.probability(similarity, self.prior)), similarity >= known.threshold)


def calibrate_index(
    index: str | Path,
    people: KnownPeople,
    false_match_rate: float,
    *,
    checkpoint: str | Path | None = None,
    config_file: str | Path | None = None,
    device: str | None = None,
) -> tuple[Calibration, Gallery]:
    """Calibrates an index on pictures of known people, and writes that into its folder.

    Args: as Search.
    Raises: InputError: as Search and `calibrate`; an earlier calibration stays as it was.
    """
    check_people(people, false_match_rate)
    gallery = Gallery(index)
    extract = _encoder_of(gallery, checkpoint, config_file, device)
    features = extract(people.paths, progress=people.name).numpy()
    calibration = calibrate(people, features, extract.encoder.identity(), false_match_rate)
    write_calibration(calibration, index)
    return calibration, gallery


def _encoder_of(
    gallery: Gallery, checkpoint: str | Path | None, config_file: str | Path | None, device: str | None
) -> FeatureExtractor:
    """The encoder that an index was made with.

    Raises: InputError: it is no longer where it was and no other place is named, or it is another.
    """
    if checkpoint is None:
        checkpoint, config_file = gallery.info["checkpoint_file"], config_file or gallery.info["config_file"]
        if not Path(checkpoint).is_file():
            raise InputError(
                f"the index {gallery.folder} was made with {checkpoint}, which is gone; name it by --checkpoint"
            )
    extract = FeatureExtractor(checkpoint, device, precision=gallery.info["precision"], config_file=config_file)
    check_same_encoder(
        gallery.info["encoder"],
        extract.encoder.identity(),
        f"the index {gallery.folder}",
        "make it anew, or name the checkpoint that it was made with",
    )
    return extract
