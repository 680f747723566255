"""A JSON document with its format's name, version and checksum: what was edited, cut off or is of another version is refused.

A reader takes the versions that it knows and no other: a later one may say something that changes an answer, such as that a
photo was removed, and whoever passes that over answers wrongly. So every new field is a new version, and a later reader keeps
the forms of those before.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dcac_fastreid.deploy.schema import Mismatch, parse

PARTS = {"format", "version", "sha256", "content"}


class Unusable(ValueError):
    """A document that cannot be used; the message follows the file's name: "is damaged: ...", "is of version 2, ..."."""


def sealed(format: str, version: int, content: Mapping) -> bytes:
    """The document, in ASCII."""
    whole = {"format": format, "version": version, "sha256": checksum(content), "content": content}
    return (json.dumps(whole, indent=1, allow_nan=False) + "\n").encode("ascii")


def unsealed(document: bytes, format: str, forms: Mapping[int, type]) -> Any:
    """The content, as an object of its version's form.

    Args: forms: the form (see `schema`) of each version that the caller knows.
    Raises: Unusable: damaged, of another format or version, or with a value that is not of its form.
    """
    try:
        whole = json.loads(document.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # not UTF-8, no JSON, a number of thousands of digits; too deep
        reason = "it is nested too deep" if isinstance(error, RecursionError) else f"it is no JSON, {error}"
        raise Unusable(f"is damaged: {reason}") from error
    if not isinstance(whole, dict) or "format" not in whole:
        raise Unusable("has no version and no checksum: an earlier release wrote it, or something else")
    if whole["format"] != format:
        raise Unusable(f"is no {format}: it says {whole['format']!r:.60}")
    version = whole.get("version")
    if type(version) is int and version not in forms:
        raise Unusable(
            f"is of version {version!s:.20}, this release reads {', '.join(map(str, forms))}: another release wrote it"
        )
    if whole.keys() != PARTS or type(version) is not int or not isinstance(whole["content"], dict):
        raise Unusable("is damaged: it lacks its version, checksum or content")
    if whole["sha256"] != checksum(whole["content"]):
        raise Unusable("is damaged or was edited: its content does not have its checksum")
    try:
        return parse(forms[version], whole["content"])
    except Mismatch as error:
        raise Unusable(f"is not as it should be: {error}") from error


def checksum(content: object) -> str:
    """Of the content, however it is laid out in a file."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")
