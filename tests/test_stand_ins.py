"""What stands for a module, until something of it is asked for."""

import sys

import pytest

from dcac_fastreid.stand_ins import LateFunctions, LateModule, in_the_place_of

NAME = "a_module_of_this_test"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Imported by nobody yet; what it has is a function."""
    (tmp_path / f"{NAME}.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(NAME, None)


@pytest.mark.parametrize("kind", [LateModule, LateFunctions])
def test_the_module_comes_when_something_of_it_is_needed(module, kind):
    stand_in = kind(NAME)
    with in_the_place_of(NAME, stand_in):
        __import__(NAME)
        assert not hasattr(stand_in, "__file__")  # for which `inspect` asks all modules that are there
        assert sys.modules[NAME] is stand_in
        assert stand_in.double(2) == 4
        assert sys.modules[NAME] is not stand_in
    assert sys.modules[NAME].double(3) == 6


def test_a_function_can_be_imported_without_its_module(module):
    with in_the_place_of(NAME, LateFunctions(NAME)):
        double = __import__(NAME, fromlist=["double"]).double
    assert NAME not in sys.modules
    assert double(2) == 4 and NAME in sys.modules


@pytest.mark.parametrize("kind", [LateModule, LateFunctions])
def test_what_lies_inside_cannot_be_imported_meanwhile(module, kind):
    with in_the_place_of(NAME, kind(NAME)), pytest.raises(ModuleNotFoundError, match="is not a package"):
        __import__(f"{NAME}.inner")


def test_a_module_that_is_there_stays(module):
    there = __import__(NAME)
    with in_the_place_of(NAME, LateModule(NAME)):
        assert sys.modules[NAME] is there
    assert sys.modules[NAME] is there
