"""What may a config key hold? A rule knows the type, range and choices of a key, and words what is wrong with a value."""

import math
import os
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

LARGEST_WHOLE, LARGEST_NUMBER = 10**9, 1e6  # no setting needs more, and sums with it stay far from overflow
LONGEST_NAME, LONGEST_PATH = 255, 4000  # bytes, of the usual file systems


@dataclass(frozen=True)
class Rule:
    """fault: of a value what is wrong with it, the end of a sentence that begins with the key; "" where it fits.

    in_script: the same in a script of fast-reid, which may bring parts under names of its own; None: `fault`.
    prepare: what is kept of a value that fits.
    """

    fault: Callable[[Any], str]
    in_script: Callable[[Any], str] | None = None
    prepare: Callable[[Any], Any] = lambda value: value


def flag() -> Rule:
    return _rule(lambda value: type(value) is bool, "True or False")


def whole(least: int = 0, most: int = LARGEST_WHOLE, note: str = "") -> Rule:
    """A whole number from least to most. note: what a value means, at the end of the sentence."""
    wanted = f"a whole number, {least} or more" if most == LARGEST_WHOLE else f"a whole number from {least} to {most}"
    return _rule(lambda value: type(value) is int and least <= value <= most, wanted + (note and f"; {note}"))


def number(
    least: float = -LARGEST_NUMBER,
    most: float = LARGEST_NUMBER,
    *,
    above: float | None = None,
    below: float | None = None,
    infinite: bool = False,
) -> Rule:
    """A finite number from least to most, or above and below what is named; "inf" too where `infinite`."""
    begin = f"above {above:g}" if above is not None else f"from {least:g}"
    end = f"below {below:g}" if below is not None else f"to {most:g}"

    def fits(value) -> bool:
        if type(value) not in (int, float) or (type(value) is float and math.isnan(value)):
            return False
        if infinite and value == math.inf:
            return True
        return (least <= value <= most) and (above is None or value > above) and (below is None or value < below)

    return _rule(fits, f"a number {begin} {end}")


def text(*, empty: bool = True) -> Rule:
    """Characters that can be printed and written to a file of text."""
    return _rule(
        lambda value: _is_text(value) and (empty or bool(value)), "text" if empty else "text that is not empty"
    )


def path() -> Rule:
    """The path of a file or folder, "" for none; "~" is the home folder."""

    def fault(value) -> str:
        if not _is_text(value):
            unprintable = ", in letters that can be printed: rename the folder, or link to it" * isinstance(value, str)
            return f'is {shown(value)}; expected a path, or "" for none{unprintable}'
        names = [len(name.encode()) for name in value.split("/")]
        if max(names) > LONGEST_NAME or sum(names) + len(names) > LONGEST_PATH:
            return f"is {shown(value)}, which is longer than a path can be"
        return ""

    return Rule(fault, prepare=os.path.expanduser)


def choice(*names: str) -> Rule:
    return Rule(registered(lambda: names).fault)


def registered(names: Callable[[], Collection[str]]) -> Rule:
    """One of the names of parts that are known when the value is looked at; in a script any name."""

    def fault(value) -> str:
        known = names()
        if type(value) is str and value in known:
            return ""
        return f"is {shown(value)}; known are {', '.join(name or repr(name) for name in sorted(known))}"

    return Rule(fault, in_script=text(empty=False).fault)


def several(each: Rule, *lengths: int, distinct: bool = False, rising: bool = False) -> Rule:
    """A list of values that each fit; of one of the lengths, if any is named; no value twice, or each above the one before."""

    def fault(value, of_each=each.fault) -> str:
        if type(value) not in (list, tuple):
            return f"is {shown(value)}; expected a list, such as [first, second]"
        if lengths and len(value) not in lengths:
            return f"is {shown(value)}; expected a list of {' or '.join(map(str, lengths))} values"
        for element in value:
            if wrong := of_each(element):
                return f"holds {wrong.removeprefix('is ')}"
        if distinct and len(set(value)) < len(value):
            return f"is {shown(value)}, which names one twice; name each once"
        if rising and any(after <= before for before, after in zip(value, value[1:], strict=False)):
            return f"is {shown(value)}; expected values that rise"
        return ""

    return Rule(fault, in_script=lambda value: fault(value, each.in_script or each.fault))


def span(each: Rule) -> Rule:
    """A list of two values, the least and the greatest of what is drawn between them; they may be the same."""
    two = several(each, 2)

    def fault(value) -> str:
        if (wrong := two.fault(value)) or value[0] <= value[1]:
            return wrong
        return f"is {shown(value)}; expected the smaller value first"

    return Rule(fault)


def side(least: int = 1, multiple: int = 1) -> Rule:
    """The height or width of an image, in pixels, a multiple of what is named."""
    rule = whole(least, 8192)

    def fault(value) -> str:
        if (wrong := rule.fault(value)) or value % multiple == 0:
            return wrong
        return f"is {value}; expected a multiple of {multiple}"

    return Rule(fault)


def probability() -> Rule:
    return number(0, 1)


def shown(value, longest: int = 80) -> str:
    """A value as a sentence shows it."""
    try:
        written = repr(value)
    except Exception:  # Python writes no number of 5,000 digits, and foreign code may do anything
        return f"a value of type {type(value).__name__} that cannot be written"
    return written if len(written) <= longest else f"{written[:longest]}..."


def _rule(fits: Callable[[Any], bool], wanted: str) -> Rule:
    return Rule(lambda value: "" if fits(value) else f"is {shown(value)}; expected {wanted}")


def _is_text(value) -> bool:
    return type(value) is str and not any(unicodedata.category(character) in ("Cc", "Cs") for character in value)
