from dataclasses import dataclass
from typing import Annotated, TypedDict

import pytest

from dcac_fastreid.deploy.schema import Mismatch, Must, Share, parse

ODD = {
    "null": None, "true": True, "int": 7, "negative": -7, "huge": 10**400, "float": 0.5, "nan": float("nan"), "inf": float("inf"),
    "text": "word", "empty text": "", "list": [1], "empty list": [], "dict": {"a": 1}, "empty dict": {},
}  # fmt: skip


class Inner(TypedDict):
    flag: bool
    share: Share


@dataclass(frozen=True)
class Outer:
    number: int
    real: float
    text: Annotated[str, Must("a word", str.isalpha)]
    maybe: str | None
    numbers: list[int]
    inner: Inner
    inners: list[Inner]
    versions: dict[str, str | None]


GOOD = {
    "number": 1, "real": 2, "text": "word", "maybe": None, "numbers": [1, 2], "inner": {"flag": True, "share": 1},
    "inners": [{"flag": False, "share": 0.5}], "versions": {"torch": "2", "peft": None},
}  # fmt: skip
TAKEN = {  # of ODD, by field
    "number": {"int", "negative", "huge"}, "real": {"int", "negative", "float"}, "text": {"text"},
    "maybe": {"null", "text", "empty text"}, "numbers": {"list", "empty list"}, "inner": set(), "inners": {"empty list"},
    "versions": {"empty dict"},
}  # fmt: skip


def test_the_declared_form_is_read_with_its_types():
    made = parse(Outer, GOOD)
    assert made == Outer(1, 2.0, "word", None, [1, 2], {"flag": True, "share": 1.0}, GOOD["inners"], GOOD["versions"])
    assert type(made.real) is float and type(made.inner["share"]) is float


@pytest.mark.parametrize("field", TAKEN)
@pytest.mark.parametrize("odd", ODD)
def test_only_values_of_the_declared_type_are_taken(field, odd):
    if odd in TAKEN[field]:
        assert parse(Outer, {**GOOD, field: ODD[odd]})
        return
    with pytest.raises(Mismatch, match=rf"^(an item of )?the content\.{field}") as error:
        parse(Outer, {**GOOD, field: ODD[odd]})
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize("field", GOOD)
def test_no_field_may_be_missing(field):
    with pytest.raises(Mismatch, match=f"^the content lacks '{field}'$"):
        parse(Outer, {name: value for name, value in GOOD.items() if name != field})


def test_an_unknown_field_is_refused():
    """It may say what changes the meaning of the others."""
    with pytest.raises(Mismatch, match="^the content has an unknown 'removed'$"):
        parse(Outer, {**GOOD, "removed": []})
    with pytest.raises(Mismatch, match=r"^the content.inner has an unknown 'more'$"):
        parse(Outer, {**GOOD, "inner": {**GOOD["inner"], "more": 1}})


def test_what_a_value_must_be_stands_in_the_sentence():
    with pytest.raises(Mismatch, match=r"^the content.inner.share is 1.5, expected a number from 0 to 1$"):
        parse(Outer, {**GOOD, "inner": {"flag": True, "share": 1.5}})
    with pytest.raises(Mismatch, match=r"^an item of the content.numbers is '1', expected a whole number$"):
        parse(Outer, {**GOOD, "numbers": [1, "1"]})
