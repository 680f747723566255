import os
import sqlite3

import pytest

from dcac_fastreid.names import as_bytes, for_sqlite, printable, shortened, shown


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{CJK UNIFIED IDEOGRAPH-4E2D}.jpg", None),
        (os.fsdecode(b"caf\xe9.jpg"), "caf\\xe9.jpg"),
        ("a\nb\tc\r.jpg", "a\\nb\\tc\\r.jpg"),
        ("\x1b[31mred\x07.jpg", "\\x1b[31mred\\x07.jpg"),
        ("gpj.\N{RIGHT-TO-LEFT OVERRIDE}exe", "gpj.\\u202eexe"),
        ("a\N{NEXT LINE}b\N{LINE SEPARATOR}c", "a\\u0085b\\u2028c"),
        ("\ud83d", "\\ud83d"),
    ],
)
def test_a_name_is_seen_and_does_nothing_else(name, seen):
    assert printable(name) == (seen or name)
    assert printable(name).isprintable() and printable(name).encode()


def test_what_shall_stay_stays():
    assert printable("a\n\x1bb", keep="\n") == "a\n\\x1bb"


def test_the_first_names_are_shown():
    assert (
        shown(["a\n", "b"]) == "a\\n, b" and shown("abcdefg") == "a, b, c, d, e, ..." and shown("abc", 2) == "a, b, ..."
    )


@pytest.mark.parametrize("longest", range(3, 13))
def test_a_long_name_is_cut_in_the_middle(longest):
    short = shortened("beginning-end", longest)
    assert len(short) == longest and "..." in short and shortened("end", longest) == "end"
    assert "beginning-end".startswith(short.partition("...")[0]) and "beginning-end".endswith(short.partition("...")[2])


def test_sqlite_finds_every_name_again():
    names = ["a.jpg", "\N{CJK UNIFIED IDEOGRAPH-4E2D}.jpg", os.fsdecode(b"\xff.jpg"), os.fsdecode(b"\xfe.jpg")]
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
    connection.executemany("INSERT INTO names VALUES (?)", [(for_sqlite(name),) for name in names])
    for name in names:
        assert connection.execute("SELECT count(*) FROM names WHERE name = ?", (for_sqlite(name),)).fetchone() == (1,)
    assert as_bytes(names[2]) == b"\xff.jpg"
