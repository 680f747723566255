"""Garbage collection is paused inside, and afterwards as it was before."""

import gc

import pytest

from dcac_fastreid.garbage_collection import garbage_collection_paused


@pytest.mark.parametrize("enabled", [True, False])
def test_it_is_left_as_it_was_found(enabled):
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(KeyError), garbage_collection_paused(), garbage_collection_paused():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
