"""Which images lie in a folder? The one walk of every tool and data set; links are followed, what is hidden is passed over."""

import errno
import os
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from dcac_fastreid.data.readers.suffixes import NOT_READ_HERE, PHOTOS, suffix_of
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

# Made by operating systems, archives and network disks for themselves; some hold small copies of the photos beside them.
OF_SYSTEMS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}


@dataclass
class Walk:
    """What lies in a folder and below it, by name, whatever the file system's own order.

    Attributes:
        images: files that can be read here by their suffix, each once.
        again: what was reached before and is counted there, by another link or a hard link: (path, the path that counts).
        above: links that lead back above themselves. nowhere: links to nothing, or to each other.
        not_read: files that are photos by their suffix, of a format that Pillow does not read here.
        no_files: pipes, sockets and devices that are called as photos.
    """

    folder: Path
    images: list[Path] = field(default_factory=list)
    again: list[tuple[Path, Path]] = field(default_factory=list)
    above: list[Path] = field(default_factory=list)
    nowhere: list[Path] = field(default_factory=list)
    not_read: list[Path] = field(default_factory=list)
    no_files: list[Path] = field(default_factory=list)

    def notes(self) -> list[str]:
        """A sentence about each kind of what is not among the images."""
        kinds = ", ".join(
            f"{count} {suffix}" for suffix, count in sorted(Counter(map(suffix_of, self.not_read)).items())
        )
        sentences = (
            (self.not_read, "photo", f"not of a format that is read here ({kinds}; convert to .jpg or .png)"),
            (self.above, "link", "leading back above itself"),
            (self.nowhere, "link", "leading nowhere"),
            (self.no_files, "name", "a pipe, a socket or a device"),
        )
        notes = [
            f"{self.folder}: passed over {len(paths)} {what}{'s' * (len(paths) > 1)}, {why}: {shown(map(self._below, paths))}"
            for paths, what, why in sentences
            if paths
        ]
        if self.again:
            pairs = [f"{self._below(path)} is {self._below(first)}" for path, first in self.again]
            notes.append(f"{self.folder}: {len(pairs)} reached twice, counted once: {shown(pairs)}")
        return notes

    def _below(self, path: Path) -> str:
        return os.path.relpath(path, self.folder)


def walk(folder: str | Path, depth: int | None = None) -> Walk:
    """Looks into a folder and all folders below it, or those so many below; no file is opened.

    A file or folder that can be reached by several ways counts once: where no link leads to it, else at the first name.

    Raises: InputError: no folder, or one below it that cannot be opened.
    """
    folder = Path(folder)
    check_folder(folder)
    return _Walking(folder, depth).walked


def contents(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """The folders and the images directly in a folder, by name; links are followed, but for folders above themselves.

    Only links are looked at one by one: on a network drive, a look at every file takes minutes. So an image may be a link to
    nowhere, and one file may have several names.

    Raises: InputError: no folder, or one that cannot be opened.
    """
    folder = Path(folder)
    check_folder(folder)
    folders, images = [], []
    for entry in entries(folder):
        if os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
            if not (entry.is_symlink() and _leads_above(entry.path)):
                folders.append(folder / entry.name)
        elif suffix_of(entry.name) in PHOTOS:
            images.append(folder / entry.name)
    return folders, images


def entries(folder: Path) -> list[os.DirEntry]:
    """What a folder shows, by name. Raises InputError: it cannot be opened."""
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be opened ({error.strerror}); make it readable, or take it out"
        ) from error


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name in OF_SYSTEMS


def check_folder(folder: str | Path, expected: str = "a folder") -> None:
    """Raises InputError: there is no such folder, it is a file, or it cannot be reached."""
    try:
        status = os.stat(folder)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "errno", None)
        if reason in (errno.ENOENT, errno.ENOTDIR):
            raise InputError(f"there is no folder {folder}; expected {expected}") from error
        raise InputError(f"the folder {folder} cannot be opened ({getattr(error, 'strerror', error)})") from error
    if not S_ISDIR(status.st_mode):
        raise InputError(f"{folder} is a file; expected {expected}")


class _Walking:
    """One walk. The folders that no link leads to come first, then link by link; so each real folder is entered once."""

    def __init__(self, folder: Path, depth: int | None):
        self.walked = Walk(folder)
        self._deepest = len(folder.parts) + depth if depth is not None else None
        self._folders: dict[str, Path] = {}  # real path -> as it was reached
        self._files: dict[tuple, Path] = {}
        self._links = deque()
        self._above_all = {str(parent) for parent in Path(os.path.realpath(folder)).parents}
        self._enter(folder)
        while self._links:
            self._follow(self._links.popleft())
        for paths in (self.walked.images, self.walked.not_read):
            paths.sort(key=lambda path: path.parts)

    def _enter(self, folder: Path) -> None:
        """Everything below a folder but for links, which are kept for later."""
        inside = [folder]
        while inside:
            path = inside.pop()
            real = os.path.realpath(path)
            if real in self._folders:
                self.walked.again.append((path, self._folders[real]))
                continue
            self._folders[real] = path
            if self._deepest is not None and len(path.parts) > self._deepest:
                continue
            folders = []
            try:
                found = entries(path)
            except InputError as error:
                if isinstance(error.__cause__, FileNotFoundError):  # taken away meanwhile
                    continue
                raise
            for entry in found:
                if entry.is_symlink():
                    self._links.append(path / entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(path / entry.name)
                else:
                    self._take(path / entry.name)
            inside += reversed(folders)

    def _follow(self, link: Path) -> None:
        try:
            status = os.stat(link)
        except OSError:  # nothing there, or links that lead to each other
            self.walked.nowhere.append(link)
            return
        if not S_ISDIR(status.st_mode):
            self._take(link)
        elif _leads_above(link) or self._leads_out(link):
            self.walked.above.append(link)
        else:
            self._enter(link)

    def _leads_out(self, link: Path) -> bool:
        """Does it lead, by other links between, to a folder on the way to it?"""
        real = os.path.realpath(link)
        return real in self._above_all or self._folders.get(real) in link.parents

    def _take(self, file: Path) -> None:
        suffix = suffix_of(file)
        if suffix not in PHOTOS and suffix not in NOT_READ_HERE:
            return
        try:
            status = os.stat(file)
        except FileNotFoundError:  # taken away meanwhile
            return
        if not S_ISREG(status.st_mode):
            self.walked.no_files.append(file)
            return
        # Size and time beside the number: some network file systems give one number to many files.
        key = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
        if (first := self._files.setdefault(key, file)) is not file:
            self.walked.again.append((file, first))
        else:
            (self.walked.images if suffix in PHOTOS else self.walked.not_read).append(file)


def _leads_above(link: str | Path) -> bool:
    """Does a link lead to a folder that it lies in?"""
    real, place = os.path.realpath(link), os.path.realpath(os.path.dirname(link))
    return os.path.commonpath((real, place)) == real
