"""What a file is called that holds no weights at all, as a download gives that went wrong."""

from pathlib import Path

HEAD = 1024
# How files begin; at the start but for the tar's.
BEGINNINGS = {
    b"version https://git-lfs": "it is a Git LFS pointer, and not the file that it stands for: fetch that with `git lfs pull`",
    b"\x1f\x8b": "it is compressed by gzip: unpack it first",
    b"BZh": "it is compressed by bzip2: unpack it first",
    b"\xfd7zXZ": "it is compressed by xz: unpack it first",
    b"7z\xbc\xaf": "it is a 7z archive: unpack it first",
    b"Rar!": "it is a RAR archive: unpack it first",
    b"\x89HDF": "it is an HDF5 file, as TensorFlow writes them",
    b"\x93NUMPY": "it is an array of NumPy",
    b"\x89PNG": "it is a picture",
    b"\xff\xd8\xff": "it is a picture",
    b"%PDF": "it is a PDF",
}
PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<script")


def what_else(path: Path) -> str:
    """What a file is instead of one of weights, as the rest of a sentence; "" where its beginning does not tell."""
    with open(path, "rb") as stream:
        head = stream.read(HEAD)
    if not head:
        return "it is empty"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGE):
        return "it is an HTML page, as a download gives that needs a login or has a wrong address"
    if head[257:262] == b"ustar":
        return "it is a tar archive: unpack it first"
    known = next((what for begin, what in BEGINNINGS.items() if head.startswith(begin)), "")
    return known or ("it is a text file" if _is_text(head) else "")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start > len(head) - 4 else ""  # cut within a letter
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
