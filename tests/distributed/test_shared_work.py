"""Parts of some work: every piece in one of them, in order. That they come together: tests/evaluation/test_several_processes.py."""

import pytest

from dcac_fastreid.distributed.shared_work import ALONE, Processes, even_pieces


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
    assert ALONE.of_first(lambda: "result") == "result"


@pytest.mark.parametrize(
    ("items", "shortest", "at_least", "lengths"),
    [
        (0, 64, 0, set()),
        (5, 64, 1, {5}),
        (127, 64, 1, {127}),
        (129, 64, 1, {64, 65}),
        (129, 64, 4, {32, 33}),
        (3, 64, 9, {1}),
        (11_659, 64, 58, {182, 183}),
    ],
)
def test_pieces_are_even_and_hold_every_item(items, shortest, at_least, lengths):
    pieces = even_pieces(items, shortest, at_least)
    assert [item for piece in pieces for item in range(items)[piece]] == list(range(items))
    found = [piece.stop - piece.start for piece in pieces]
    assert set(found) == lengths and found == sorted(found, reverse=True)
    assert len(pieces) >= min(at_least, items)
