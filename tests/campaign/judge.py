"""How a case ended: as one sentence, well, or in one of the ways in which none may end."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .case import Case, Ground
from .fork import NOT_ARRANGED, Ended, state_of

SENTENCE, FINE, TRACEBACK, HANG, HALF_WRITTEN, OTHER = OUTCOMES = (
    "one sentence",
    "status 0",
    "traceback",
    "hang",
    "half-written",
    "other",
)
GOOD = (SENTENCE, FINE)
MARKERS = ("ran", "marker")  # made by code that malicious files and configs carry
REPORTS = {"dataset_doctor": (1,)}  # tools whose report ends with a status of its own
# May change although a case is refused.
GROWS = re.compile(r"(^|/)(log\.txt|events\.out.*|file-hashes\.sqlite.*|.*\.lock)$")


def judge(case: Case, ground: Ground, ended: Ended) -> tuple[str, str]:
    """The outcome, and of a bad one the reason."""
    if ended.status is None:
        return HANG, f"did not end in time: {ended.written[-300:]}"
    if ended.status == NOT_ARRANGED:
        return OTHER, f"the case could not be prepared: {ended.written[-600:]}"
    if any((ground.own / name).exists() for name in MARKERS):
        return OTHER, "code that a file carries has run"
    if "Traceback (most recent call last)" in ended.written:
        return TRACEBACK, ended.written[-700:]
    if ended.left:
        return OTHER, "left processes behind"
    if damage := _half_written(ground, ended):
        return HALF_WRITTEN, f"status {ended.status}, {damage}: {ended.written[-200:]}"
    if ended.status == 0 or ended.status in REPORTS.get(case.words[0] if case.words else "", ()):
        return FINE, ""
    if ended.status != 2:
        return OTHER, f"status {ended.status}: {ended.written[-300:]}"
    if fault := _no_sentence(ended.written):
        return OTHER, f"{fault}: {ended.written[-300:]!r}"
    return SENTENCE, ""


def _no_sentence(written: str) -> str:
    """What is wrong with the end of a case's output, "" if it is one sentence."""
    errors = [match for match in re.finditer(r"^(?:[^\n:]+: )?error: ?(.*)$", written, re.MULTILINE)]
    if len(errors) != 1:
        return f"{len(errors)} lines begin with 'error:'"
    sentence = errors[0][1].strip()
    if len(sentence) < 15:
        return "the sentence says nothing"
    if not all(letter.isprintable() for letter in sentence):
        return "the sentence has characters that are not printable"
    rest = written[errors[0].end() :].strip()
    if rest and not sentence.endswith("missing:"):  # the list of all that is missing
        return "lines behind the sentence"
    return ""


def _half_written(ground: Ground, ended: Ended) -> str:
    """What a case left in its folder that is no whole file, or took away although it was refused; "" for nothing."""
    after = state_of(ground.own)
    unfinished = [path for path in after if "unfinished" in path and path not in ended.before]
    if unfinished:
        return f"{unfinished[0]} is left"
    if ended.status:
        lost = [path for path, was in ended.before.items() if after.get(path) != was and not GROWS.search(path)]
        if lost:
            return f"{lost[0]} is {'changed' if lost[0] in after else 'gone'}"
    known = {"folder", "special", *ended.before.values()}  # what was damaged before may have been moved
    new = [path for path in after if path not in ended.before and after[path] not in known]
    broken = [path for path in new if not _is_whole(ground.own / path)]
    return f"{broken[0]} cannot be read" if broken else ""


def _is_whole(file: Path) -> bool:
    if not file.is_file():
        return True
    try:
        if file.name in ("stamp.json", "info.json", "calibration.json"):
            json.loads(file.read_text())
        elif file.suffix == ".png":
            from PIL import Image

            Image.open(file).verify()
        elif file.suffix == ".pth":
            import zipfile

            return zipfile.ZipFile(file).testzip() is None
        elif file.suffix == ".npy":
            import numpy as np

            np.load(file, allow_pickle=False)
    except Exception:
        return False
    return True
