"""What a search of a gallery has found, and the words for it."""

from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from dcac_fastreid.deploy.calibration import Calibration
from dcac_fastreid.names import printable

NOT_CALIBRATED = "no probability and no threshold are known, as the index is not calibrated (tools/search.py calibrate)"


@dataclass(frozen=True)
class Hit:
    """A photo of the gallery. probability, is_match (whether it reaches the threshold): None without a calibration."""

    photo: Path
    similarity: float
    probability: float | None = None
    is_match: bool | None = None


@dataclass(frozen=True)
class Answer:
    """photo: the one that asks. hits: at least one, the most similar first."""

    photo: Path
    hits: list[Hit]

    @property
    def is_nobody(self) -> bool:
        """Whether even the most similar photo lies below the threshold; never without a calibration."""
        return self.hits[0].is_match is False

    def verdict(self, calibration: Calibration | None) -> str:
        best = self.hits[0].similarity
        if calibration is None:
            return f"best similarity {best:.3f}; {NOT_CALIBRATED}"
        if self.is_nobody:
            return f"nobody here: the best similarity, {best:.3f}, lies below the threshold {calibration.threshold:.3f}"
        matches, of = sum(hit.is_match for hit in self.hits), len(self.hits)
        if of == 1:
            return f"the one listed photo reaches the threshold {calibration.threshold:.3f}"
        which = f"all {of}" if matches == of else f"{matches} of the {of}"
        reach = "reaches" if matches == 1 else "reach"
        return f"{which} listed photos {reach} the threshold {calibration.threshold:.3f}"

    def names(self, folder: Path) -> list[str]:
        """The hits' paths below `folder`."""
        return [printable(hit.photo.relative_to(folder).as_posix()) for hit in self.hits]

    def table(self, folder: Path) -> str:
        """Rank, path below `folder`, similarity, probability and match of each hit."""
        rows = [
            (
                rank,
                name,
                f"{hit.similarity:.3f}",
                "unknown" if hit.probability is None else f"{hit.probability:.3f}",
                "match" if hit.is_match else "",
            )
            for rank, (name, hit) in enumerate(zip(self.names(folder), self.hits, strict=True), start=1)
        ]
        return tabulate(rows, ("rank", "photo", "similarity", "probability", "verdict"), disable_numparse=True)


def explain_threshold(calibration: Calibration) -> str:
    """What a reader of an answer has to know of the threshold; `describe_calibration` tells all."""
    return (
        f"The threshold, {calibration.threshold:.3f}, is reached by at most {_percent(calibration.false_match_rate)} of the "
        f"comparisons of two persons (the false-match rate) and by {_percent(calibration.true_match_rate)} of those of one, in "
        f"{calibration.validation['name']}; of its pictures, each searched among those of the other persons, "
        f"{_percent(calibration.false_searches)} find somebody nevertheless."
    )


def describe_calibration(calibration: Calibration, gallery: int) -> str:
    """What was calibrated on, the threshold and its rates, per comparison and for a search of so many photos."""
    on, held_out = calibration.validation, calibration.held_out
    mean, one_or_more = calibration.expected_false_matches(gallery)
    places = "by different cameras" if on["cameras_known"] else "that are no near-duplicates"
    return (
        f"Calibrated on {on['name']}: {on['persons']:,} persons, {on['pictures']:,} pictures, {on['genuine_pairs']:,} pairs of "
        f"one person {places}, {on['impostor_pairs']:,} pairs of two persons. All this holds "
        "only if these are persons whom no training has seen.\n"
        f"Threshold {calibration.threshold:.3f}: at most {_percent(calibration.false_match_rate)} of the pairs of two persons "
        f"reach it, the false-match rate that was asked for, and {_percent(calibration.true_match_rate)} of the pairs of one "
        f"person do. On persons held out (two halves, each by the threshold of the other; the mean of both): "
        f"{_percent(held_out['false_match_rate'])} and "
        f"{_percent(held_out['true_match_rate'])}; the probability's Brier score {held_out['brier_score']:.3f} (0.25 knows "
        f"nothing), its calibration error {held_out['calibration_error']:.3f}.\n"
        f"{_other_rates(calibration)}"
        f"The false-match rate is per comparison. A search compares with {gallery:,} photos: for a person who is on none of "
        f"them {mean:.2g} false matches are expected in the mean, and one or more in {_percent(one_or_more)} of the searches "
        "(if comparisons were independent; as they share a photo, in fewer). Measured: of the pictures of "
        f"{on['name']}, each searched among those of the other persons, {_percent(calibration.false_searches)} find one or more."
    )


def _other_rates(calibration: Calibration) -> str:
    if not calibration.other_rates:
        return ""
    listed = (
        f"at {_percent(each['false_match_rate'])} threshold {each['threshold']:.3f} and {_percent(each['true_match_rate'])}"
        for each in calibration.other_rates
    )
    return (
        f"By other false-match rates, the threshold and the pairs of one person that reach it: {', '.join(listed)}.\n"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %".replace(".0 ", " ")
