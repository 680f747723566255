"""The data sets of the domain generalisation protocols, in the folders that people have."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from dcac_fastreid.data.readers.file_names import FileNaming, read_folder, read_list
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS, LISTS, Located
from dcac_fastreid.errors import InputError
from dcac_fastreid.warn_once import warn_once

logger = logging.getLogger("fastreid.dcac")

SPLITS = ("train", "query", "gallery")
SYNTHETIC_MARK = "drawn-world.json"  # in the root of a synthetic data set, whose domains are smaller than the real ones
VALIDATION = "validation"  # folder of a synthetic data set: people neither trained on nor tested


class NamedFilesDataset:
    """A data set whose file names tell person and camera: its lists `train`, `query` and `gallery`, in sorted order.

    Training: (path, "NAME_PERSON", "NAME_CAMERA"), so that no person of another data set, or of the test, has that label;
    query and gallery: (path, person, camera), numbers, cameras from 0. Junk (person -1) is left out. `validation`, as training:
    of a synthetic data set, images of people who are in no other split; else empty.

    Args:
        root: the data root; the folder below it is the first complete one in KNOWN_DATASETS.
        verbose: whether it tells what it has read.
    Raises:
        InputError: folder, part or image missing, or a file name that does not fit; names the path.
    """

    _junk_pids: Sequence[int] = ()  # what COMBINEALL leaves out
    dataset_name = ""  # the prefix; fast-reid's own where it has the data set
    naming: FileNaming

    def __init__(self, root: str | Path = "datasets", verbose: bool = True):
        name = type(self).__name__
        known = KNOWN_DATASETS[name]
        located = known.locate(root)
        if located.lacking:
            raise InputError(f"{name} is not complete: {located.what_lacks()}; get it from {known.source}")
        train, self.query, self.gallery = self.read(located)
        self._folder, self._synthetic = located.folder, (Path(root) / SYNTHETIC_MARK).exists()
        folder = located.folder / VALIDATION
        self.validation = self._labelled(
            read_folder(folder, self.naming) if self._synthetic and folder.is_dir() else []
        )
        self.train = self._labelled(train)
        if verbose:
            self.tell()

    def tell(self) -> None:
        """Logs the folder, and a warning where the counts are not those of the literature."""
        name = type(self).__name__
        logger.info(f"{name} is read from {self._folder}")
        if not self._synthetic:
            compare_counts(name, {split: getattr(self, split) for split in SPLITS})

    def _labelled(self, items: list[tuple[str, int, int]]) -> list[tuple[str, str, str]]:
        return [
            (path, f"{self.dataset_name}_{person}", f"{self.dataset_name}_{camera}") for path, person, camera in items
        ]

    def read(self, located: Located) -> list[list[tuple[str, int, int]]]:
        """(path, person, camera from 0) of train, query and gallery, from the folders that the parts name in this order."""
        return [read_folder(located.folder / part, self.naming) for part in located.parts]


def compare_counts(name: str, splits: dict[str, list]) -> None:
    """Warns, once in a run, of splits that have other numbers of identities or images than in the literature."""
    for split, expected in KNOWN_DATASETS[name].counts.items():
        found = len({person for _, person, _ in splits[split]}), len(splits[split])
        if found != expected:
            warn_once(
                f"{name}, {split}: {found[0]:,} identities and {found[1]:,} images, expected {expected[0]:,} and "
                f"{expected[1]:,} as in the literature; results compare with published ones only on the same images"
            )


class DG_Market1501(NamedFilesDataset):
    """Market1501; the distractors of its gallery are person 0."""

    _junk_pids = [0, -1]  # as in fast-reid's class
    dataset_name = "market1501"
    naming = FileNaming(r"(-?\d+)_c(\d+)", "0002_c1s1_000451_03.jpg", range(1502), range(1, 7))


class DG_DukeMTMC(NamedFilesDataset):
    """DukeMTMC-reID."""

    dataset_name = "dukemtmc"
    naming = FileNaming(r"(-?\d+)_c(\d+)", "0005_c2_f0046985.jpg", range(10_000), range(1, 9))


class DG_MSMT17(NamedFilesDataset):
    """MSMT17, trained on list_train and list_val (fast-reid's class leaves list_val out).

    Test people are counted from 0 again, as numbers; fast-reid's class goes on from the training people. That labels
    them otherwise and groups them alike.
    """

    dataset_name = "msmt17"
    # 0000_000_01_0303morning_0008_0.jpg is the original form: person, image, camera. The copies with bounding_box_train
    # that circulate have 0000_c14_0030.jpg; some keep the original names. People 0 to 4100 if a copy counts test people on.
    naming = FileNaming(r"(-?\d+)_(?:c|\d+_)(\d+)_", "0000_000_01_0303morning_0008_0.jpg", range(4_101), range(1, 16))

    def read(self, located: Located) -> list[list[tuple[str, int, int]]]:
        if LISTS[0] not in located.parts:
            return super().read(located)
        train_folder, test_folder = (located.folder / part for part in located.parts[:2])
        train, val, query, gallery = (
            read_list(located.folder / file, folder, self.naming)
            for file, folder in zip(LISTS, (train_folder, train_folder, test_folder, test_folder), strict=True)
        )
        return [train + val, query, gallery]


class DG_CUHK03NP(NamedFilesDataset):
    """CUHK03 in the new protocol (767 / 700 identities), detected boxes: the one that the paper uses."""

    dataset_name = "cuhk03np"
    naming = FileNaming(r"(-?\d+)_c(\d+)", "0001_c1_1.png", range(1_468), range(1, 3))


class DG_CUHK03NPLabeled(DG_CUHK03NP):
    """CUHK03 in the new protocol, boxes drawn by hand: the same people as DG_CUHK03NP, so the same labels."""


def in_synthetic_data(folder: str | Path) -> bool:
    """Whether a folder is a synthetic data set, or lies in one."""
    folder = Path(folder).absolute()
    return any(
        os.path.exists(parent / SYNTHETIC_MARK) for parent in (folder, *folder.parents)
    )  # False where none may look
