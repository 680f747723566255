"""What is a file that is not the one which was wanted, as a download gives that went wrong?"""

HEAD = 1024  # bytes at the beginning of a file that tell
UNPACK = "unpack it first"
# How files begin: what each is, and the next step, "" where none is sure.
BEGINNINGS = {
    b"version https://git-lfs": (
        "it is a Git LFS pointer, and not the file that it stands for",
        "fetch that with `git lfs pull`",
    ),
    b"\x1f\x8b": ("it is compressed by gzip", UNPACK),
    b"BZh": ("it is compressed by bzip2", UNPACK),
    b"\xfd7zXZ": ("it is compressed by xz", UNPACK),
    b"7z\xbc\xaf": ("it is a 7z archive", UNPACK),
    b"Rar!": ("it is a RAR archive", UNPACK),
    b"\x89HDF": ("it is an HDF5 file, as TensorFlow writes them", ""),
    b"\x93NUMPY": ("it is an array of NumPy", ""),
    b"%PDF": ("it is a PDF", ""),
}
PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<body", b"<script")


def what_else(head: bytes) -> tuple[str, str]:
    """What a file is, as the rest of a sentence, and the next step; each is "" where the beginning does not tell it.

    Args: head: the first HEAD bytes, or all where the file is shorter.
    """
    if not head:
        return "it is empty", ""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGE):
        return "it is an HTML page, as a download gives that needs a login or has a wrong address", ""
    if head[257:262] == b"ustar":
        return "it is a tar archive", UNPACK
    known = next((what for begin, what in BEGINNINGS.items() if head.startswith(begin)), None)
    return known or ("it is a text file" if _is_text(head) else "", "")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        text = head[: error.start].decode() if error.start > len(head) - 4 else ""  # cut within a letter
    return bool(text) and all(letter.isprintable() or letter in "\t\r\n\f" for letter in text)
