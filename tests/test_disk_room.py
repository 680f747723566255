"""What is needed and free on each drive."""

import shutil
from types import SimpleNamespace

from dcac_fastreid.disk_room import disk_room
from dcac_fastreid.quantities import duration, size


def test_folders_of_one_drive_share_its_line_and_too_little_room_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3_000_000_000))
    runs, cache = tmp_path / "not" / "there", tmp_path
    [line] = disk_room({runs: 1_000_000_000, cache: 500_000_000})
    assert line == f"disk: 1.5 GB needed, 3 GB free on the drive of {runs} and {cache}"
    [line] = disk_room({runs: 4_000_000_000})
    assert line.endswith("; this does not suffice: free some space, or choose another folder")
    assert list(tmp_path.iterdir()) == []


def test_a_size_and_a_duration_have_the_unit_that_suits_them():
    assert [size(number) for number in (12, 518_400, 1.06e9, 34e9, 2.5e12)] == [
        "12 bytes", "518 kB", "1.06 GB", "34 GB", "2,500 GB",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (59.6, 3000, 9000)] == ["60 s", "50 min", "2.5 h"]
