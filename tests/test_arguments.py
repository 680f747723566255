"""What a program or a command line gives is looked at by type and range, and told in one sentence."""

import argparse
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import dcac_fastreid
from dcac_fastreid.arguments import as_path, shown_value, whole_number
from dcac_fastreid.checkpoint.released import convert
from dcac_fastreid.data import data_root
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_state_dict


class Unwritable:
    def __repr__(self):
        raise RuntimeError("no words")


NO_TEXT = (
    None, 0, -1, math.nan, 10**5000, True, b"x", [], [""], ["a", "b"], {"a": 1}, (), object(), lambda: 0, Path, Unwritable(),
    np.zeros(3), np.zeros((0, 3)), np.array([None]), np.full((9, 9), np.nan), torch.zeros(3), torch.zeros(9, 9),
    torch.zeros(2, device="meta"),
)  # fmt: skip
NO_NAME = ("\0", "x" * 5000)
FUNCTIONS = {
    "load_config": (dcac_fastreid.load_config, NO_TEXT + NO_NAME),
    "its settings": (
        lambda odd: dcac_fastreid.load_config("", odd),
        tuple(odd for odd in NO_TEXT if not isinstance(odd, list | tuple)) + NO_NAME,
    ),
    "a setting's name": (lambda odd: dcac_fastreid.load_config("", [odd, 1]), NO_TEXT + NO_NAME),
    "a setting": (lambda odd: dcac_fastreid.load_config("", ["SOLVER.BASE_LR", odd]), NO_TEXT[4:] + NO_NAME),
    "read_state_dict": (read_state_dict, NO_TEXT + NO_NAME),
    "data_root": (data_root, NO_TEXT + NO_NAME),
    "convert": (lambda odd: convert(odd, image_size=(256, 128)), NO_TEXT + NO_NAME),
    "its format": (lambda odd: convert("none.pth", image_size=(256, 128), format=odd), NO_TEXT + NO_NAME),
    "its image size": (lambda odd: convert("none.pth", image_size=odd), NO_TEXT + NO_NAME),
    "a side of it": (lambda odd: convert("none.pth", image_size=(256, odd)), NO_TEXT + NO_NAME),
    "FeatureExtractor": (dcac_fastreid.FeatureExtractor, NO_TEXT + NO_NAME),
    "its device": (lambda odd: dcac_fastreid.FeatureExtractor("none.pth", odd), NO_TEXT[1:] + NO_NAME),
    "its batch size": (lambda odd: dcac_fastreid.FeatureExtractor("none.pth", batch_size=odd), NO_TEXT[:4] + NO_TEXT[5:]),
    "its precision": (lambda odd: dcac_fastreid.FeatureExtractor("none.pth", precision=odd), NO_TEXT + NO_NAME),
    "export_model": (lambda odd: export_model(odd, "encoder.pt2"), NO_TEXT + NO_NAME),
    "its output": (lambda odd: export_model("none.pth", odd), NO_TEXT + NO_NAME),
    "its formats": (
        lambda odd: export_model("none.pth", "encoder.pt2", formats=odd),
        tuple(odd for odd in NO_TEXT if odd is not NO_TEXT[7] and not isinstance(odd, tuple)) + NO_NAME,
    ),
    "its normalization": (lambda odd: export_model("none.pth", "encoder.pt2", normalization=odd), NO_TEXT + NO_NAME),
    "its opset": (lambda odd: export_model("none.pth", "encoder.pt2", opset=odd), NO_TEXT[1:] + NO_NAME),
    "a license": (lambda odd: export_model("none.pth", "encoder.pt2", data_license=odd), NO_TEXT),
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_odd_arguments_are_one_sentence(function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, odd_values = FUNCTIONS[function]
    for odd in odd_values:
        with pytest.raises(InputError) as refused:
            call(odd)
        sentence = str(refused.value)
        assert sentence.isprintable() and 15 < len(sentence) < 1000, (type(odd), sentence)
        assert "none.pth" not in sentence, "what is odd is told before any file is looked for"
    assert not list(tmp_path.iterdir())


def test_a_path_may_be_any_name_that_a_file_can_have(tmp_path):
    for name in (tmp_path, "a\nb", "caf\udce9.jpg", " ", "~", "nowhere/at/all"):
        assert as_path(name, "the file") == Path(name)


def test_values_are_shown_short_and_whatever_they_are():
    assert shown_value(Unwritable()) == "a value of type Unwritable" and shown_value(10**5000) == "a value of type int"
    assert shown_value(math.nan) == "nan" and len(shown_value("x" * 5000)) == 60
    assert "\n" not in shown_value(np.zeros((9, 9)))


def test_number_options_have_a_range(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=whole_number(1, 1000))
    assert parser.parse_args(["--seeds", "1000"]).seeds == 1000
    for odd in ("0", "-1", "1001", "9" * 20, "9" * 5000, "nan", "1.5", "1e3", "1_0", "\u0663", "", "x\ny"):
        with pytest.raises(SystemExit) as stopped:
            parser.parse_args([f"--seeds={odd}"])
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert stopped.value.code == 2 and "expected a whole number from 1 to 1,000" in last and len(last) < 200
