"""Parts of some work: every piece in one of them, in order. That they come together: tests/evaluation/test_several_processes.py."""

import pytest

from dcac_fastreid.distributed.shared_work import ALONE, Processes


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("pieces", [0, 1, 2, 7, 16])
def test_every_piece_has_one_process(size, pieces):
    parts = [Processes(rank, size).own(range(pieces)) for rank in range(size)]
    assert [piece for part in parts for piece in part] == list(range(pieces))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_single_piece_is_the_main_processs():
    assert [Processes(rank, 3).own(["piece"]) for rank in range(3)] == [["piece"], [], []]


def test_alone_all_work_is_own():
    assert ALONE.together(lambda: ALONE.own(["first", "second"])) == ["first", "second"]
