import json
from typing import TypedDict

import pytest

from dcac_fastreid.deploy.search.sealed_json import Unusable, sealed, unsealed


class Form(TypedDict):
    names: list[str]


class NewerForm(TypedDict):
    names: list[str]
    removed: list[str]


CONTENT = {"names": ["a", "caf\udce9\n", "ä"]}
DOCUMENT = sealed("a list", 1, CONTENT)


def test_what_is_sealed_is_read():
    assert unsealed(DOCUMENT, "a list", {1: Form}) == CONTENT and DOCUMENT.isascii()
    again_laid_out = json.dumps(json.loads(DOCUMENT), indent=8).encode()
    assert unsealed(again_laid_out, "a list", {1: Form}) == CONTENT


def test_a_reader_takes_the_versions_that_it_knows():
    newer = sealed("a list", 2, {**CONTENT, "removed": ["a"]})
    assert unsealed(newer, "a list", {1: Form, 2: NewerForm})["removed"] == ["a"]
    assert unsealed(DOCUMENT, "a list", {1: Form, 2: NewerForm}) == CONTENT
    with pytest.raises(Unusable, match="^is of version 2, this release reads 1: another release wrote it$"):
        unsealed(newer, "a list", {1: Form})


def test_every_changed_byte_of_the_content_is_noticed():
    begin = DOCUMENT.index(b'"content"') + len(b'"content": ')
    end = DOCUMENT.rindex(b"}")
    noticed = 0
    for place in range(begin, end):
        changed = bytearray(DOCUMENT)
        changed[place] ^= 1
        try:
            assert unsealed(bytes(changed), "a list", {1: Form}) == CONTENT, place  # of the layout
        except Unusable:
            noticed += 1
    assert noticed > 0.6 * (end - begin)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"", "is damaged: it is no JSON"),
        (DOCUMENT[:-9], "is damaged: it is no JSON"),
        (DOCUMENT.decode().encode("utf-16"), "is damaged: it is no JSON"),
        (b"\xff\xfe", "is damaged: it is no JSON"),
        (b"[" * 100_000, "is damaged: it is nested too deep"),
        (b'{"format": NaN}', "is damaged: it is no JSON, NaN is no number"),
        (b'{"format": %s}' % (b"9" * 5000), "is damaged: it is no JSON"),
        (DOCUMENT.replace(b"a list", b"a tree"), "is no a list: it says 'a tree'"),
        (DOCUMENT.replace(b'"version": 1', b'"version": "1"'), "is damaged: it lacks its version"),
        (DOCUMENT.replace(b'"version": 1', b'"version": true'), "is damaged: it lacks its version"),
        (DOCUMENT.replace(b'"version": 1', b'"version": 0'), "is of version 0"),
        (DOCUMENT.replace(b'"sha256"', b'"sha"'), "is damaged: it lacks its version"),
        (DOCUMENT.replace(b'"a"', b'"b"'), "is damaged or was edited: its content does not have its checksum"),
        (sealed("a list", 1, {"names": ["a", 1]}), "is not as it should be: an item of the content.names is 1"),
        (sealed("a list", 1, {}), "is not as it should be: the content lacks 'names'"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(document, sentence):
    with pytest.raises(Unusable, match=f"^{sentence}") as error:
        unsealed(document, "a list", {1: Form})
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize("document", [b"null", b"[]", b"7", b'"format"', b"{}", b'{"threshold": 0.5}'])
def test_json_without_a_version_is_of_an_earlier_form(document):
    with pytest.raises(Unusable, match="^has no version and no checksum"):
        unsealed(document, "a list", {1: Form})
