import pytest

from dcac_fastreid.json_files import read_object


def test_an_object_is_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b'{"a": [1], "name": "caf\xe9"}')
    assert read_object(tmp_path / "a.json") == {"a": [1], "name": "caf\udce9"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"7", b"\xff", b"[" * 100_000, b'{"a": 1} 2'])
def test_what_is_damaged_or_something_else_is_none(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    assert read_object(tmp_path / "a.json") is None


def test_an_absent_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_object(tmp_path / "none.json")
