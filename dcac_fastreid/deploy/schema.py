"""Is what was read from JSON of the form that its types declare?

A form is a dataclass or a TypedDict, whose fields may be bool, int, float, str, None, unions with None, lists, dicts of str, such
forms again, and Annotated[TYPE, Must(...)]. It has exactly the declared fields: what a reader does not know, it does not take.
"""

import dataclasses
import functools
import math
import types
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

Form = TypeVar("Form")
WORDS = {
    bool: "true or false", int: "a whole number", float: "a finite number", str: "a text", list: "a list", dict: "an object",
    type(None): "null",
}  # fmt: skip


class Must(NamedTuple):
    """What holds of a value of the right type, in words that follow "expected"."""

    words: str
    holds: Callable[[Any], bool]


Sha256 = Annotated[
    str, Must("64 hexadecimal digits", lambda text: len(text) == 64 and set(text) <= set("0123456789abcdef"))
]
Count = Annotated[int, Must("a whole number from 0 to 2^63", lambda number: 0 <= number < 2**63)]  # no file is larger
Share = Annotated[float, Must("a number from 0 to 1", lambda number: 0 <= number <= 1)]


class Mismatch(ValueError):
    """A value that is not of its declared form: which one, what it is, what was expected."""


def parse(form: type[Form], value: object, name: str = "the content") -> Form:
    """The value as an object of the declared form. Raises: Mismatch."""
    return _parser(form)(value, name)


@functools.cache
def _parser(form) -> Callable[[object, str], Any]:
    origin, arguments = get_origin(form), get_args(form)
    if origin is Annotated:
        return _with_musts(_parser(arguments[0]), arguments[1:])
    if origin in (types.UnionType, Union):
        return _nullable(*(argument for argument in arguments if argument is not type(None)))
    if origin is list:
        return _list(_parser(arguments[0]))
    if origin is dict:
        return _dict(_parser(arguments[1]))
    if form in WORDS:
        return functools.partial(_scalar, form)
    return _object(form)


def _scalar(kind: type, value: object, name: str) -> object:
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):  # isinstance takes a bool for an int
        raise _mismatch(name, value, WORDS[kind])
    return value


def _with_musts(inner: Callable, musts: tuple[Must, ...]) -> Callable:
    def read(value: object, name: str) -> object:
        value = inner(value, name)
        for must in musts:
            if not must.holds(value):
                raise _mismatch(name, value, must.words)
        return value

    return read


def _nullable(kind) -> Callable:
    inner = _parser(kind)
    return lambda value, name: None if value is None else inner(value, name)


def _list(inner: Callable) -> Callable:
    def read(value: object, name: str) -> list:
        if type(value) is not list:
            raise _mismatch(name, value, WORDS[list])
        return [inner(item, f"an item of {name}") for item in value]

    return read


def _dict(inner: Callable) -> Callable:
    def read(value: object, name: str) -> dict:
        if type(value) is not dict:
            raise _mismatch(name, value, WORDS[dict])
        return {key: inner(item, f"{name}.{key}") for key, item in value.items()}

    return read


def _object(form: type) -> Callable:
    hints = get_type_hints(form, include_extras=True)
    if dataclasses.is_dataclass(form):
        hints = {field.name: hints[field.name] for field in dataclasses.fields(form)}
    parsers = {name: _parser(hint) for name, hint in hints.items()}

    def read(value: object, name: str) -> object:
        if type(value) is not dict:
            raise _mismatch(name, value, WORDS[dict])
        for wrong, what in (
            (parsers.keys() - value.keys(), "lacks"),
            (value.keys() - parsers.keys(), "has an unknown"),
        ):
            if wrong:
                raise Mismatch(f"{name} {what} {min(wrong)!r:.40}")
        return form(**{field: parser(value[field], f"{name}.{field}") for field, parser in parsers.items()})

    return read


def _mismatch(name: str, value: object, expected: str) -> Mismatch:
    kind = WORDS.get(type(value), "something else")
    shown = f"{kind} of {len(value):,}" if isinstance(value, list | dict) else f"{_short(value)}"
    return Mismatch(f"{name} is {shown}, expected {expected}")


def _short(value: object) -> str:
    if type(value) is int and value.bit_length() > 200:
        return "a huge number"
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
