import pytest

from dcac_fastreid.data import images
from dcac_fastreid.data.checks.corrupt import without_corrupt
from dcac_fastreid.errors import InputError


def make_items(draw, folder, broken, total=10):
    names = [f"{number}.jpg" for number in range(total)]
    draw(folder, *names)
    for number in broken:
        (folder / f"{number}.jpg").write_bytes(b"")
    return [(str(folder / name), number, 0) for number, name in enumerate(names)]


def test_unreadable_images_are_left_out_counted_and_named(draw, tmp_path, logged):
    items = make_items(draw, tmp_path, broken=(2, 5))
    assert without_corrupt(items, "own, train") == [item for item in items if item[1] not in (2, 5)]
    assert logged() == [
        f"own, train: 2 of 10 images cannot be read and are left out: {items[2][0]}, {items[5][0]}",
    ]


def test_of_many_the_first_paths_are_shown(draw, tmp_path, logged):
    items = make_items(draw, tmp_path, broken=range(8))
    assert len(without_corrupt(items, "own")) == 2
    assert "8 of 10" in logged()[0] and logged()[0].endswith(f"{items[4][0]}, ...")


def test_sound_images_are_all_kept_without_a_word(draw, tmp_path, logged):
    items = make_items(draw, tmp_path, broken=())
    assert without_corrupt(items, "own") == items and logged() == []


def test_a_repaired_image_comes_back(draw, tmp_path):
    items = make_items(draw, tmp_path, broken=(1,))
    assert len(without_corrupt(items, "own")) == 9
    draw(tmp_path, "1.jpg")
    assert len(without_corrupt(items, "own")) == 10


def test_an_image_is_decoded_once_for_all_calls(draw, tmp_path, monkeypatch):
    items, decoded, decode = make_items(draw, tmp_path, broken=(1,)), [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: decoded.append(name) or decode(file, name))
    without_corrupt(items, "own")
    assert {path for path, *_ in items} == set(decoded)
    decoded.clear()
    without_corrupt(items, "own")
    assert set(decoded) == {items[1][0]}


def test_nothing_readable_is_an_error(draw, tmp_path):
    with pytest.raises(InputError, match="own: not one of 3 images can be read, first .*0.jpg"):
        without_corrupt(make_items(draw, tmp_path, broken=range(3), total=3), "own")
