"""A data set as it lies on disk, and what is to be said of it."""

from dataclasses import dataclass, field
from pathlib import Path

from dcac_fastreid import names

OWN = "own photos"  # the name of what is no published data set
UNKNOWN = "unknown"  # a camera that nothing tells
MARK = "linked-by-dataset-doctor.json"  # in a folder of links: target -> the folder that was linked there
Item = tuple[str, int | str, int | str]  # path, person, camera


@dataclass(frozen=True)
class Finding:
    """One sentence: what, where, what to do.

    kind: missing, name, place, needs, count, unreadable, leak, double, label, near, camera, test or note.
    stops: training or testing on the data set cannot begin.
    """

    kind: str
    sentence: str
    stops: bool = True


@dataclass(frozen=True)
class Published:
    """Counts in the literature: split -> (identities, images), cameras in all (None: not stated), and who states them."""

    splits: dict[str, tuple[int, int]]
    cameras: int | None
    source: str


@dataclass
class Found:
    """A data set in a folder.

    name: as the literature calls it.
    layout: the parts by which it was recognised, in words.
    reader: the class that reads it, fast-reid's or one of ours; "" where there is none.
    forms: (folder below a data root, what must lie in it) where the reader looks for it.
    target: such a folder, into which it can be linked.
    links: path below the target ("" for the target itself) -> what the link leads to; empty where links do not suffice.
    splits: train, query and gallery, or train alone.
    published: None where no counts are known here.
    ims_per_batch: the SOLVER.IMS_PER_BATCH that its training images fill, where they do not fill the usual one.
    """

    name: str
    folder: Path
    layout: str
    reader: str = ""
    forms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    target: str = ""
    links: dict[str, Path] = field(default_factory=dict)
    splits: dict[str, list[Item]] = field(default_factory=dict)
    published: Published | None = None
    ims_per_batch: int | None = None
    findings: list[Finding] = field(default_factory=list)
    root: Path | None = None  # the data root below which its reader finds it; known when it was looked for

    def root_in_place(self, preferred: Path) -> Path | None:
        """The data root below which its reader finds it as it lies, None where it must be laid out first."""
        roots = [
            Path(*self.folder.parts[: -len(Path(form).parts)])
            for form, parts in self.forms
            if self.folder.parts[-len(Path(form).parts) :] == Path(form).parts
            and all((self.folder / part).exists() for part in parts)
        ]
        return preferred if preferred in roots else next(iter(roots), None)

    @property
    def cameras(self) -> int | None:
        """How many there are; None where nothing tells them."""
        cameras = {item[2] for items in self.splits.values() for item in items}
        return None if cameras <= {UNKNOWN} else len(cameras)

    @property
    def stopped(self) -> bool:
        return any(finding.stops for finding in self.findings)


def shown(paths: list, count: int = 3) -> str:
    """The first of many, for a sentence."""
    return names.shown(paths, count)
