"""The zip archive in which torch.save and TorchScript keep their records: the case of names counts, and so do checksums."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

LARGEST_DIRECTORY = 3 << 20  # bytes: some 30,000 records. An entry of 50 bytes takes ten times as much memory
LOCAL_HEADER = 30  # bytes before a record's name
PIECE = 1 << 20


class _Bounded:
    """A file of which no reading is larger than a directory may be: so says zipfile how much a damaged one asks for."""

    def __init__(self, stream):
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_DIRECTORY:
            raise ValueError("its directory of records is larger than that of any file of weights")
        return self._stream.read(LARGEST_DIRECTORY if size < 0 else size)


class Archive:
    """Records by their names below the archive's one folder. Raises ValueError, also of zipfile, where it is damaged.

    Attributes: checked: whether the archive has checksums.
    """

    def __init__(self, path: Path):
        self.path, self.size = path, path.stat().st_size
        self._stream = open(path, "rb")
        self._zip = zipfile.ZipFile(_Bounded(self._stream))
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        names = [entry.filename for entry in entries]
        self._refuse_ambiguous(names)
        if sum(entry.compress_size for entry in entries) > self.size:
            raise ValueError("its records together are larger than the file")
        self._entries = {entry.filename.partition("/")[2]: entry for entry in entries}
        # As torch.serialization.set_crc32_options(False) leaves them out.
        self.checked = any(entry.CRC for entry in entries if entry.file_size)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_) -> None:
        self._zip.close()
        self._stream.close()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        return list(self._entries)

    def read(self, name: str, limit: int) -> bytes:
        """A whole record that is stored as it is, checked."""
        if self.record_size(name) > limit:
            raise ValueError(f"its record {name} has {self.record_size(name)} bytes; at most {limit} are expected")
        return b"".join(self._checked_pieces(name))

    def text(self, name: str, limit: int) -> str:
        """A record that may be compressed, as the code in a TorchScript is; "" where it is larger than the limit."""
        with self._zip.open(self._entry(name)) as stream:
            content = stream.read(limit + 1)
        return content.decode() if len(content) <= limit else ""

    def check(self, name: str) -> None:
        """Raises ValueError: the record's bytes are not those of its checksum. Reads them, and keeps none."""
        for _ in self._checked_pieces(name):
            pass

    def record_size(self, name: str) -> int:
        return self._entry(name).file_size

    def place(self, name: str) -> int:
        """Where in the file a record's bytes begin."""
        entry = self._entry(name)
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits & 1:
            raise ValueError(f"its record {name} is compressed or encrypted, as torch.save never writes it")
        self._stream.seek(entry.header_offset)
        header = self._stream.read(LOCAL_HEADER)
        lengths = [int.from_bytes(header[at : at + 2], "little") for at in (26, 28)]  # of the name and of the rest
        named = self._stream.read(lengths[0]) if len(header) == LOCAL_HEADER else b""
        begin = entry.header_offset + LOCAL_HEADER + sum(lengths)
        if header[:4] != b"PK\x03\x04" or named.decode() != entry.orig_filename or begin + entry.file_size > self.size:
            raise ValueError(f"its record {name} is not where its directory says")
        return begin

    def read_into(self, name: str, buffer: memoryview) -> None:
        """The first bytes of a record, as many as the buffer takes; the whole record is checked."""
        filled = 0
        for piece in self._checked_pieces(name):
            part = piece[: len(buffer) - filled]
            buffer[filled : filled + len(part)] = part
            filled += len(part)

    def _checked_pieces(self, name: str) -> Iterator[bytes]:
        entry, found = self._entry(name), 0
        self._stream.seek(self.place(name))
        left = entry.file_size
        while left:
            piece = self._stream.read(min(PIECE, left))
            if not piece:
                raise ValueError(f"it ends within its record {name}")
            left -= len(piece)
            if self.checked:
                found = zlib.crc32(piece, found)
            yield piece
        if self.checked and found != entry.CRC:
            raise ValueError(f"its record {name} is damaged: its checksum is another")

    def _entry(self, name: str) -> zipfile.ZipInfo:
        if name not in self._entries:
            raise ValueError(f"its record {name} is missing")
        return self._entries[name]

    @staticmethod
    def _refuse_ambiguous(names: list[str]) -> None:
        """PyTorch's own reader does not look at the case of names: what it finds must be what is found here."""
        twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
        if twice:
            raise ValueError(f"it has more than one record named {twice[0]}")
        folders = {name.partition("/")[0] for name in names}
        if len(folders) != 1 or not all("/" in name for name in names):
            raise ValueError("its records do not lie in one folder, as those of torch.save do")


def mapped_storage(path: Path) -> torch.UntypedStorage:
    """A whole file as a storage; what is not looked at is not read, and what is written stays in memory."""
    return torch.UntypedStorage.from_file(str(path), False, path.stat().st_size)
