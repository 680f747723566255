import os
import pickle

import pytest

from dcac_fastreid.errors import InputError, MissingInputs, one_sentence


def test_a_sentence_is_one_line_whatever_names_it_tells():
    name = os.fsdecode(b"caf\xe9\n\x1b[2J.jpg")
    assert str(InputError(f"{name} cannot be read")) == "caf\\xe9\\n\\x1b[2J.jpg cannot be read"
    assert str(InputError(InputError(name))) == "caf\\xe9\\n\\x1b[2J.jpg"


def test_a_list_has_a_line_for_each():
    assert str(InputError("missing:", ["a\nb", "c"])) == "missing:\n  - a\\nb\n  - c"


def test_the_error_of_a_loaders_process_keeps_its_lines():
    text = "Caught InputError.\nOriginal Traceback (most recent call last):\n  InputError: a"
    assert str(InputError(text)) == text


def test_missing_files_are_told_a_line_each():
    error = MissingInputs("2 things are missing:", ["a\n", "b"], "get them")
    assert isinstance(error, FileNotFoundError) and error.errno is None
    assert one_sentence(error) == "2 things are missing:\n  - a\\n\n  - b\nget them"


def test_what_the_system_refuses_is_printed_as_well():
    name = os.fsdecode(b"caf\xe9\x1b[2J")
    assert one_sentence(OSError(f"no room for {name}")) == "no room for caf\\xe9\\x1b[2J"


@pytest.mark.parametrize("kind", [InputError, MissingInputs])
def test_what_comes_from_another_process_keeps_its_lines(kind):
    error = kind("missing:", ["a\nb", "c"], "get them")
    error.by = "a worker"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and again.args == error.args == ("missing:\n  - a\\nb\n  - c\nget them",)
    assert str(again) == str(error) and again.by == "a worker"
