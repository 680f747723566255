"""The examination of a folder: every data set in it, with all that is to be said of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.data.checks.leakage import same_images
from dcac_fastreid.data.checks.test_split import check_test_split, one_identity
from dcac_fastreid.data.doctor.contents_of_images import examine_images
from dcac_fastreid.data.doctor.found import OWN, Finding, Found, shown
from dcac_fastreid.data.doctor.locate import DEPTH, locate
from dcac_fastreid.data.doctor.own_photos import near_duplicates
from dcac_fastreid.data.readers.dg_datasets import SYNTHETIC_MARK
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.walk import check_folder, walk
from dcac_fastreid.errors import InputError

LAYOUTS = (
    "Market1501, DukeMTMC-reID, MSMT17, CUHK03 (raw or new protocol), CUHK02, CUHK-SYSU, GRID, iLIDS, PRID2011, VIPeR, and a "
    "folder for each person"
)


@dataclass(frozen=True)
class Report:
    """findings: of the folder as a whole; those of a data set are with it. examined: the images too."""

    path: Path
    data_sets: list[Found]
    findings: list[Finding]
    examined: bool

    @property
    def can_start(self) -> bool:
        """Can a training on every data set that was found begin?"""
        every = [finding for found in self.data_sets for finding in found.findings] + self.findings
        return not any(finding.stops for finding in every)

    @property
    def ims_per_batch(self) -> int | None:
        """The SOLVER.IMS_PER_BATCH with which each data set can be trained on; None: the usual one."""
        return min((found.ims_per_batch for found in self.data_sets if found.ims_per_batch), default=None)


def examine(path: str | Path, *, quick: bool = False) -> Report:
    """Examines a data root, or a data set's own folder; nothing in it is changed.

    Args:
        quick: what is unreadable, duplicated or leaking stays unknown. No image is opened, but for those of one's own test people
            where cameras are unknown: near-duplicates decide what is asked.
    Raises: InputError: the path is no folder.
    """
    path = Path(os.path.abspath(path))
    check_folder(path, "a data root, or the folder of a data set")
    data_sets, findings = locate(path), []
    if not data_sets:
        findings.append(
            Finding("missing", f"no data set is recognised in {path}, {DEPTH} folders deep; known are {LAYOUTS}")
        )
        findings += _passed_over(path, DEPTH + 2)  # people, and their cameras, may lie in the deepest
    for found in data_sets:
        found.root = found.root or found.root_in_place(path)
        _counts(found)
        told = {finding.sentence for finding in found.findings}
        found.findings += [finding for finding in _passed_over(found.folder) if finding.sentence not in told]
        if not quick:
            found.findings += examine_images(found)
            if found.name == OWN:
                found.findings += near_duplicates(found)
        _one_to_train_on(found)
    if not quick and len(data_sets) > 1:
        findings += _shared(data_sets)
    return Report(path, data_sets, findings, examined=not quick)


def check_reader(found: Found) -> None:
    """Adds what its class says against reading the data set below its root, or that no class looks where it lies."""
    if found.root is None:
        if found.reader and not {"needs", "missing", "name"} & {finding.kind for finding in found.findings}:
            found.findings.append(
                Finding(
                    "place",
                    f"{found.name} lies in {found.folder}, where {found.reader} does not look; lay it out by links with --link DIR",
                )
            )
        return
    if found.stopped or not found.splits:  # said already; or reading it would write: CUHK03's raw file
        return
    if found.reader in KNOWN_DATASETS and not KNOWN_DATASETS[found.reader].locate(found.root).folder.samefile(
        found.folder
    ):
        read = KNOWN_DATASETS[found.reader].locate(found.root).folder
        found.findings.append(
            Finding(
                "place", f"below {found.root}, {found.reader} reads {read}, not {found.folder}; remove one", stops=False
            )
        )
    try:
        dataset = read_dataset(found.reader, str(found.root))
        if dataset.query or dataset.gallery:
            check_test_split(found.reader, dataset.query, dataset.gallery)
            if sentence := one_identity(found.reader, dataset.query, dataset.gallery):
                found.findings.append(Finding("test", sentence, stops=False))
    except InputError as error:
        found.findings.append(Finding("test", str(error)))


def _one_to_train_on(found: Found) -> None:
    """A data set by itself; together with others, one identity can be trained on."""
    items = found.splits.get("train", [])
    if items and len({item[1] for item in items}) == 1:
        found.findings.append(
            Finding(
                "label",
                f"{found.name} in {found.folder} has {len(items)} images of 1 identity to train on, expected 2 identities or "
                "more; check that each person has a folder or a number of its own",
            )
        )


def _passed_over(folder: Path, depth: int | None = None) -> list[Finding]:
    """Links and files that are not among the images; a folder that cannot be opened."""
    try:
        return [Finding("note", note, stops=False) for note in walk(folder, depth).notes()]
    except InputError as error:
        return [Finding("name", str(error))]


def _shared(data_sets: list[Found]) -> list[Finding]:
    """Training images of one data set that are test images of another."""
    train, test = (
        {item[0]: found for found in data_sets for split, items in found.splits.items() if (split == "train") == trained
         for item in items}
        for trained in (True, False)
    )  # fmt: skip
    pairs = {path: other for path, other in same_images(train, test).items() if train[path] is not test[other]}
    if not pairs:
        return []
    pairs = [f"{path} = {other}" for path, other in pairs.items()]
    sentence = f"{len(pairs)} training images of one data set are test images of another: {shown(pairs)}"
    return [Finding("leak", f"{sentence}; a training on the first cannot be tested on the second", stops=False)]


def _counts(found: Found) -> None:
    """Compares with the literature; a synthetic data set has other numbers."""
    if found.root and (found.root / SYNTHETIC_MARK).exists():
        found.findings.append(
            Finding("note", "images of a synthetic data set, smaller than the real data set", stops=False)
        )
        return
    if found.published is None:
        return
    for split, expected in found.published.splits.items():
        items = found.splits.get(split, [])
        counted = len({item[1] for item in items}), len(items)
        if items and counted != expected:
            found.findings.append(
                Finding(
                    "count",
                    f"{split} of {found.name} has {counted[0]:,} identities and {counted[1]:,} images, published are "
                    f"{expected[0]:,} and {expected[1]:,} ({found.published.source}); results compare with published ones only "
                    "on the same images",
                    stops=False,
                )
            )
    published = found.published.cameras
    if published and found.cameras and found.cameras != published:
        found.findings.append(
            Finding(
                "count",
                f"{found.name} has images by {found.cameras} cameras, published are {published} ({found.published.source})",
                stops=False,
            )
        )
