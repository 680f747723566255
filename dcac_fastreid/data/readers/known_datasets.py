"""The facts of each data set: the folders that it lies in, where one gets it, and its counts in the literature."""

from dataclasses import dataclass, field
from pathlib import Path

BOXES = ("bounding_box_train", "query", "bounding_box_test")  # in the order train, query, gallery
LISTS = ("list_train.txt", "list_val.txt", "list_query.txt", "list_gallery.txt")
LISTED = ("train", "test", *LISTS)
LISTED_MASKED = ("mask_train_v2", "mask_test_v2", *LISTS)  # version 2: the same images with blurred faces


@dataclass(frozen=True)
class Located:
    """A folder of a data set, the parts that it must have, and those of them that it lacks."""

    folder: Path
    parts: tuple[str, ...]
    lacking: tuple[str, ...]

    def what_lacks(self) -> str:
        if not self.folder.is_dir():
            return f"no folder {self.folder}"
        return f"no {', '.join(self.lacking)} in {self.folder}"


@dataclass(frozen=True)
class KnownDataset:
    """Facts of one data set.

    forms: (folder below the data root, what must lie in it), the usual one first; a folder may have several forms.
    source: where the data set comes from.
    counts: split -> (identities, images) in the literature.
    """

    forms: tuple[tuple[str, tuple[str, ...]], ...]
    source: str
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def locate(self, root: str | Path) -> Located:
        """The first complete folder below the data root; else the one that lacks least; else the usual one."""
        found = []
        for folder, parts in self.forms:
            path = Path(root) / folder
            found.append(Located(path, parts, tuple(part for part in parts if not (path / part).exists())))
        return min(found, key=lambda at: (not at.folder.is_dir(), len(at.lacking) if at.folder.is_dir() else 0))


MARKET_SOURCE = "https://zheng-lab.cecs.anu.edu.au/Project/project_reid.html"
MARKET_COUNTS = {"train": (751, 12_936), "query": (750, 3_368), "gallery": (751, 15_913)}  # person 0: distractors
DUKE_SOURCE = "whoever has a copy: DukeMTMC-reID was withdrawn by its owners and has no official source any more"
DUKE_COUNTS = {"train": (702, 16_522), "query": (702, 2_228), "gallery": (1_110, 17_661)}
MSMT17_SOURCE = "https://www.pkuvmc.com/dataset.html (on request)"
MSMT17_TEST_COUNTS = {"query": (3_060, 11_659), "gallery": (3_060, 82_161)}
CUHK03NP_SOURCE = "https://github.com/zhunzhong07/person-re-ranking/tree/master/CUHK03-NP"
CUHK03NP_FOLDERS = ("cuhk03-np", "cuhk03np", "cuhknp")

# DG_...: our classes. The others: fast-reid's own.
KNOWN_DATASETS = {
    "DG_Market1501": KnownDataset(
        (
            ("Market-1501-v15.09.15", BOXES),
            ("Market1501", BOXES),
            ("market1501", BOXES),
            ("market1501/Market-1501-v15.09.15", BOXES),
        ),
        MARKET_SOURCE,
        MARKET_COUNTS,
    ),
    "DG_DukeMTMC": KnownDataset(
        (
            ("DukeMTMC-reID", BOXES),
            ("dukemtmcreid", BOXES),
            ("dukemtmc-reid/DukeMTMC-reID", BOXES),
            ("dukemtmc/DukeMTMC-reID", BOXES),
        ),
        DUKE_SOURCE,
        DUKE_COUNTS,
    ),
    "DG_MSMT17": KnownDataset(
        (
            ("MSMT17_V1", LISTED),
            ("MSMT17_V2", LISTED_MASKED),
            ("MSMT17", LISTED),
            ("MSMT17", BOXES),
            ("msmt17/MSMT17_V1", LISTED),
            ("msmt17/MSMT17_V2", LISTED_MASKED),
            ("msmt17v1/MSMT17_V1", LISTED),
            ("msmt17v1/MSMT17_V1", BOXES),
        ),
        MSMT17_SOURCE,
        {"train": (1_041, 32_621), **MSMT17_TEST_COUNTS},  # list_train and list_val
    ),
    "DG_CUHK03NP": KnownDataset(
        tuple((f"{folder}/detected", BOXES) for folder in CUHK03NP_FOLDERS),
        CUHK03NP_SOURCE,
        {"train": (767, 7_365), "query": (700, 1_400), "gallery": (700, 5_332)},
    ),
    "DG_CUHK03NPLabeled": KnownDataset(
        tuple((f"{folder}/labeled", BOXES) for folder in CUHK03NP_FOLDERS),
        CUHK03NP_SOURCE,
        {"train": (767, 7_368), "query": (700, 1_400), "gallery": (700, 5_328)},
    ),
    "Market1501": KnownDataset((("Market-1501-v15.09.15", BOXES),), MARKET_SOURCE, MARKET_COUNTS),
    "DukeMTMC": KnownDataset((("DukeMTMC-reID", BOXES),), DUKE_SOURCE, DUKE_COUNTS),
    "MSMT17": KnownDataset(  # trains on list_train alone
        (("MSMT17_V1", LISTED), ("MSMT17_V2", LISTED_MASKED)), MSMT17_SOURCE, MSMT17_TEST_COUNTS
    ),
}
