"""Names that need be no text: how a file's name is printed, and stored. A name is any bytes but / and zero."""

import os
from collections.abc import Iterable

SHOWN = 5


def printable(text: str | os.PathLike, keep: str = "") -> str:
    """A name, or a sentence with names in it, for a terminal, a log, a table or a page.

    What would do something instead of being seen is escaped as in Python: line ends, terminal codes, marks that turn the
    direction of writing, and bytes that are no UTF-8, which Python keeps as lone surrogates: "caf\\xe9.jpg".

    Args: keep: such letters that stay.
    """
    text = os.fspath(text)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else _escaped(letter) for letter in text)


def shown(names: Iterable, count: int = SHOWN) -> str:
    """The first of some names, for a sentence."""
    names = [printable(str(name)) for name in names]
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def shortened(text: str, longest: int) -> str:
    """Of a text that is longer its beginning, often the person's, and its end; `longest` letters."""
    if len(text) <= longest:
        return text
    kept = longest - len("...")
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


def as_bytes(name: str) -> bytes:
    """The bytes that a name has on disk; of text, its UTF-8."""
    return name.encode(errors="surrogateescape")


def for_sqlite(name: str) -> str | bytes:
    """A name as SQLite takes it: text, or its bytes where they are no text."""
    return name if name.isascii() or _is_text(name) else as_bytes(name)


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _escaped(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte that is no UTF-8, as surrogateescape keeps it
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if letter.isascii():
        return letter.encode("unicode_escape").decode()
    return f"\\u{ord(letter):04x}"
