"""What a search of a gallery has found, and the words for it.

Two figures are told of a photo, and they answer two questions. The threshold: is it alike enough to be looked at? The chance: how
likely is it the same person, who may be on none of so many photos? Neither says "match": that is for who looks at the photos.
"""

from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from dcac_fastreid.deploy.search.calibration import Calibration
from dcac_fastreid.deploy.search.cameras_and_times import time_text
from dcac_fastreid.deploy.search.stated_rate import why_not
from dcac_fastreid.names import printable

NOT_CALIBRATED = "no threshold and no chance are known, as the index is not calibrated (dcac-fastreid search calibrate)"
ABOVE, BELOW = "above threshold", "below threshold"


@dataclass(frozen=True)
class Hit:
    """A photo of the gallery.

    probability of the same person, above_threshold: None without a calibration. camera, time: None where they are not known.
    """

    photo: Path
    similarity: float
    probability: float | None = None
    above_threshold: bool | None = None
    camera: str | None = None
    time: int | None = None

    @property
    def chance(self) -> str:
        return chance_words(self.probability)

    @property
    def threshold_words(self) -> str:
        """ "" without a calibration."""
        return "" if self.above_threshold is None else ABOVE if self.above_threshold else BELOW


@dataclass(frozen=True)
class Answer:
    """photo: the query. hits: the most similar first; none where filters leave no photo. hint: where `photo` is no crop."""

    photo: Path
    hits: list[Hit]
    hint: str = ""

    @property
    def is_nobody(self) -> bool:
        """Whether even the most similar photo lies below the threshold; never without a calibration."""
        return bool(self.hits) and self.hits[0].above_threshold is False

    def verdict(self, calibration: Calibration | None) -> str:
        """One sentence, and the hint."""
        return self._verdict(calibration) + (f". {self.hint}" if self.hint else "")

    def _verdict(self, calibration: Calibration | None) -> str:
        if not self.hits:
            return "no photo was searched: the filters leave none for this query"
        best = self.hits[0]
        if calibration is None:
            return f"best similarity {best.similarity:.3f}; {NOT_CALIBRATED}"
        threshold = f"the threshold {calibration.threshold:.3f}"
        if self.is_nobody:
            return f"nobody here: the best similarity, {best.similarity:.3f}, is below {threshold}"
        above, of = sum(hit.above_threshold for hit in self.hits), len(self.hits)
        which = "the one listed photo" if of == 1 else f"{above} of the {of} listed photos"
        lies, it = ("is", "it") if above == 1 else ("are", "them")
        chance = f"chance that the first one shows the same person: {best.chance}"
        return f"{which} {lies} above {threshold}, look at {it}; {chance}"

    def names(self, folder: Path) -> list[str]:
        """The hits' paths below `folder`."""
        return [printable(hit.photo.relative_to(folder).as_posix()) for hit in self.hits]

    def table(self, folder: Path) -> str:
        """Rank, path below `folder`, similarity, chance of the same person and threshold of each hit; camera and time if known."""
        columns = {
            "rank": [str(rank) for rank in range(1, len(self.hits) + 1)],
            "photo": self.names(folder),
            "similarity": [f"{hit.similarity:.3f}" for hit in self.hits],
            "threshold": [hit.threshold_words.split(" ")[0] for hit in self.hits],
            "same person": [hit.chance for hit in self.hits],
            "camera": [hit.camera or "" for hit in self.hits],
            "time": ["" if hit.time is None else time_text(hit.time) for hit in self.hits],
        }
        shown = {name: cells for name, cells in columns.items() if name not in ("camera", "time") or any(cells)}
        return tabulate(shown, headers="keys", disable_numparse=True)


def chance_words(probability: float | None) -> str:
    """In whole per cent; never 0 or 100. None: without a calibration."""
    if probability is None:
        return "unknown"
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def explain_calibration(calibration: Calibration, gallery: int, before: str) -> list[str]:
    """What a reader of an answer has to know, in lines; `describe_calibration` tells all.

    Args: gallery: photos that are searched. before: the probability before looking, in words.
    """
    mean, _ = calibration.expected_false_matches(gallery)
    name = calibration.validation["name"]
    return [
        f"Above the threshold, {calibration.threshold:.3f}: alike enough to be looked at. At most "
        f"{_percent(calibration.false_match_rate)} of the comparisons of two different people get there (the false-match rate), "
        f"and {_percent(calibration.true_match_rate)} of those of one person, in {name}. A search makes {gallery:,} comparisons: "
        f"{mean:.2g} photos of strangers are expected above the threshold in the mean; of the images of {name}, each searched "
        f"among those of the other people, {_percent(calibration.false_searches)} find somebody nevertheless.",
        f"Same person: the chance that a photo shows the person of the query, if it was {before} (--prior). It can be small above "
        "the threshold, where strangers are expected too. Neither figure is a proof: look at the photos.",
        f"All this holds for photos like those of {name}; of another place or camera it may be wrong.",
    ]


def describe_calibration(calibration: Calibration, gallery: int) -> str:
    """What was calibrated on, the threshold and its rates, per comparison and for a search of so many photos."""
    on, held_out = calibration.validation, calibration.held_out
    mean, one_or_more = calibration.expected_false_matches(gallery)
    places = "by different cameras" if on["cameras_known"] else "that are no near-duplicates"
    return (
        f"Calibrated on {on['name']}: {on['persons']:,} people, {on['pictures']:,} images, {on['genuine_pairs']:,} pairs of "
        f"one person {places}, {on['impostor_pairs']:,} pairs of two people. All this holds "
        "only if these people were in no training.\n"
        f"{_other_rate_than_asked(calibration)}"
        f"Threshold {calibration.threshold:.3f}: at most {_percent(calibration.false_match_rate)} of the pairs of two people "
        f"are above it (the false-match rate), and {_percent(calibration.true_match_rate)} of the pairs of one "
        f"person. On people held out (two halves, each with the threshold of the other; mean of both): "
        f"{_percent(held_out['false_match_rate'])} and "
        f"{_percent(held_out['true_match_rate'])}; the probability's Brier score {held_out['brier_score']:.3f} (0 is "
        f"best, 0.25 is that of 50 % for every pair), its calibration error {held_out['calibration_error']:.3f}.\n"
        f"{_other_rates(calibration)}"
        f"The false-match rate is per comparison. A search compares with {gallery:,} photos: for a person who is on none of "
        f"them {mean:.2g} photos are expected above the threshold in the mean, and one or more in {_percent(one_or_more)} of the "
        "searches (if comparisons were independent; as they share a photo, in fewer). Measured: of the images of "
        f"{on['name']}, each searched among those of the other people, {_percent(calibration.false_searches)} find one or more."
    )


def _other_rate_than_asked(calibration: Calibration) -> str:
    on, asked = calibration.validation, calibration.asked_rate
    if asked == calibration.false_match_rate:
        return ""
    why = why_not(asked, on["impostor_pairs"], on["persons"], on["pictures"], on["name"])
    return f"Note: {why}. Stated instead is the smallest rate that they can tell, {calibration.false_match_rate:g}.\n"


def _other_rates(calibration: Calibration) -> str:
    if not calibration.other_rates:
        return ""
    listed = (
        f"at {_percent(each['false_match_rate'])} threshold {each['threshold']:.3f} and {_percent(each['true_match_rate'])}"
        for each in calibration.other_rates
    )
    return f"By other false-match rates, the threshold and the pairs of one person above it: {', '.join(listed)}.\n"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.1f} %".replace(".0 ", " ")
