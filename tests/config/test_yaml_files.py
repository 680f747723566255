"""Config files of every kind: read, or told in one sentence; none of them runs anything."""

import os
import re

import pytest

import dcac_fastreid
from dcac_fastreid.config import read_config, read_config_text
from dcac_fastreid.config.yaml_files import LARGEST
from dcac_fastreid.engine.config_file import load_config_text
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.config import default_config

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = {
    "nothing": ("", "must hold keys"),
    "a list": ("- a\n- b\n", "must hold keys"),
    "a word": ("MODEL", "must hold keys"),
    "two documents": ("SEED: 1\n---\nSEED: 2\n", "is no yaml"),
    "open bracket": ("MODEL: [1,\n", "is no yaml"),
    "tabs": ("MODEL:\n\tDEVICE: cpu\n", "is no yaml"),
    "a NUL byte": ("SEED: \0\n", "is no yaml"),
    "a section's value": ("MODEL: 3\n", "'MODEL' .* is a section"),
    "a null section": ("MODEL:\n", "'MODEL' .* is a section"),
    "a list for a section": ("SOLVER: []\n", "'SOLVER' .* is a section"),
    "a section for a value": ("SOLVER: {BASE_LR: {x: 1}}\n", "no config key 'SOLVER.BASE_LR.x'"),
    "an empty section for a value": ("SOLVER: {BASE_LR: {}}\n", "SOLVER.BASE_LR is {}"),
    "null": ("SEED: null\n", "SEED is None; expected a whole number"),
    "a date": ("OUTPUT_DIR: 2024-01-01\n", "OUTPUT_DIR is datetime.date.*; expected a path"),
    "a date that is none": ("OUTPUT_DIR: 2024-13-45\n", "holds a value that cannot be read"),
    "dots": ("MODEL.DEVICE: cpu\n", "'MODEL.DEVICE' has dots.*MODEL: {DEVICE: ...}"),
    "dots inside": ("MODEL: {HEADS.NORM: BN}\n", "'HEADS.NORM' in MODEL has dots"),
    "twice": ("SEED: 1\nSEED: 2\n", "SEED stands there twice"),
    "twice inside": ("MODEL:\n  DEVICE: cpu\n  DEVICE: cuda\n", "MODEL.DEVICE stands there twice"),
    "a number for a key": ("1: 2\n", "'1' stands for a key"),
    "a list for a key": ("? [a, b]\n: 2\n", "a list or section stands for a key"),
    "itself": ("MODEL: &m\n  DEVICE: *m\n", "larger than any config"),
    "itself in a list": ("SOLVER: {STEPS: &s [*s]}\n", "larger than any config"),
    "an alias of nothing": ("SEED: *gone\n", "is no yaml"),
    "aliases without end": (BOMB, "larger than any config"),
    "merges without end": (MERGE_BOMB, "larger than any config"),
    "deep": ("SEED: " + "[" * 5000 + "]" * 5000, "larger than any config"),
    "deep sections": ("".join(f"{' ' * depth}a:\n" for depth in range(200)), "larger than any config"),
    "many": ("SEED: [" + "1, " * 20_000 + "]", "larger than any config"),
    "a number of many digits": ("SEED: " + "9" * 5000, "holds a value that cannot be read"),
    "a number beyond all": ("SOLVER: {BASE_LR: 1e999}\n", "BASE_LR is inf"),
    "octal": ("SEED: 0017\n", "SEED is 0017, which yaml reads as another number"),
    "minutes": ("SOLVER: {STEPS: [60:30]}\n", "SOLVER.STEPS is 60:30, which yaml reads as another number"),
    "an object": ("SEED: !!python/object/apply:os.system ['touch ran']\n", "is no yaml"),
    "a name": ("SEED: !!python/name:os.system\n", "is no yaml"),
    "bytes": ("OUTPUT_DIR: !!binary aGk=\n", "OUTPUT_DIR is b'hi'"),
    "a set": ("DATASETS: {TESTS: !!set {a}}\n", "no config key 'DATASETS.TESTS|TESTS is"),
    "a base of another kind": ("_BASE_: 3\n", "_BASE_ is 3; expected the path"),
    "no base": ("_BASE_: ~\n", "_BASE_ is None; expected the path"),
    "a base that is a list": ("_BASE_: [a.yml]\n", r"_BASE_ is \['a.yml'\]; expected the path"),
    "a base that is a folder": ("_BASE_: .\n", "_BASE_.* is a folder"),
    "an absent base": ("_BASE_: gone.yml\n", "builds on .*gone.yml .*, which is no file"),
    "a base on the network": ("_BASE_: https://example.org/a.yml\n", "which is not on this machine"),
    "itself as base": ("_BASE_: bad.yml\n", "builds on itself .*bad.yml -> .*bad.yml"),
    "a base inside": ("MODEL: {_BASE_: a.yml}\n", "no config key 'MODEL._BASE_'"),
}


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    """The sentences about bad.yml with this content, from load_config and from a script's config."""
    monkeypatch.chdir(tmp_path)

    def wrong(content: bytes) -> list[str]:
        (tmp_path / "bad.yml").write_bytes(content)
        with pytest.raises(InputError) as of_load_config:
            dcac_fastreid.load_config("bad.yml", ["MODEL.DEVICE", "cpu"])
        with pytest.raises(InputError) as of_a_script:
            default_config().merge_from_file("bad.yml", allow_unsafe=True)
        assert not (tmp_path / "ran").exists()
        return [str(of_load_config.value), str(of_a_script.value)]

    return wrong


@pytest.mark.parametrize("kind", TEXTS)
def test_what_is_no_config_is_told_in_one_sentence(wrong, kind):
    content, sentence = TEXTS[kind]
    for told in wrong(content.encode()):
        assert re.search(sentence, told), told
        assert "\n" not in told and len(told) < 1000


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("SEED: 1\n".encode("utf-16"), "is UTF-16"),
        (b"OUTPUT_DIR: caf\xe9\n", "is no UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "is no UTF-8"),
        (b"# " + b"x" * LARGEST, "larger than any config: expected at most 1 MB"),
    ],
    ids=str,
)
def test_what_is_no_text_is_told(wrong, content, sentence):
    assert all(sentence in told for told in wrong(content))


def test_a_mark_at_the_beginning_is_passed_over(tmp_path):
    (tmp_path / "a.yml").write_bytes("SEED: 7\n".encode("utf-8-sig"))
    assert dcac_fastreid.load_config(str(tmp_path / "a.yml")).SEED == 7


def test_bases_are_read_first_and_circles_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.yml").write_text("SEED: 1\nSOLVER: {MAX_EPOCH: 2}\n")
    (tmp_path / "b.yml").write_text("_BASE_: ~/a.yml\nSEED: 2\n")
    cfg = dcac_fastreid.load_config("~/b.yml")
    assert (cfg.SEED, cfg.SOLVER.MAX_EPOCH) == (2, 2)
    (tmp_path / "a.yml").write_text("_BASE_: b.yml\n")
    with pytest.raises(InputError, match="builds on itself .*b.yml -> .*a.yml -> .*b.yml"):
        read_config(str(tmp_path / "b.yml"))


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "no access", "NUL", "long", "below a file"])
def test_what_is_no_ordinary_file_is_told(tmp_path, kind):
    file = str(tmp_path / "a.yml")
    if kind == "folder":
        os.mkdir(file)
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "below a file":
        (tmp_path / "b.yml").touch()
        file = str(tmp_path / "b.yml" / "a.yml")
    elif kind == "no access":
        file = "/proc/self/mem"
    else:
        file = {"device": "/dev/zero", "NUL": "a\0b.yml", "long": "x" * 5000}[kind]
    with pytest.raises(InputError, match="config file"):
        read_config(file)


def test_text_is_read_as_a_file_is(configs):
    assert load_config_text("SEED: 3\n", "the config in a.pth").SEED == 3
    for text, sentence in (("SEED: x\n", "SEED is 'x'.*a.pth"), ("_BASE_: a.yml\n", "a.pth builds on another file")):
        with pytest.raises(InputError, match=sentence):
            load_config_text(text, "the config in a.pth")
    assert read_config_text("a: {b: 1}\n", "it") == {"a": {"b": 1}}
