"""Values from a command line: set where they fit, and told in one sentence where they do not."""

import random

import pytest

import dcac_fastreid
from dcac_fastreid.config.values import RULES
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.errors import InputError

CPU = ("MODEL.DEVICE", "cpu")
ODD = (
    "", " ", "None", "nan", ".nan", "inf", "1e999", "-1", "-1e10", "0", "1", "1.5", "True", "x", "[]", "()", "{}", "[1", "(1,",
    "[64,64,64]", "[[[[1]]]]", "('a','a')", "[None]", "{1: 2}", "{[]: 1}", "__import__('os')", "1j", "b'x'", "9" * 5000,
    "[" * 5000, "-" * 5000 + "1", "a\0b", "a\nb", "\udc80", "~", "../x", "lambda: 0", "2**31", "99999999999", "x" * 10000,
)  # fmt: skip


def load(configs, *opts):
    return dcac_fastreid.load_config(str(configs / "synthetic" / "ma_ms.yml"), [*CPU, *opts])


@pytest.mark.parametrize(
    "opts, sentence",
    [
        (("MODEL.DCAC.LAMBDA", "-1e10"), "LAMBDA is -10000000000.0; expected a number from 0"),
        (("SOLVER.GAMMA", ".nan"), "GAMMA is '.nan'; expected a number above 0"),
        (("SOLVER.WEIGHT_DECAY", "-1"), "WEIGHT_DECAY is -1.0; expected a number from 0"),
        (("MODEL.DCAC.DIFFUSION.SIZE", "[64,64,64]"), r"SIZE is \[64, 64, 64\]; expected a list of 2 values"),
        (("DATASETS.TESTS", "('DG_MSMT17','DG_MSMT17')"), "TESTS is .* names one twice"),
        (("TEST.RERANK.K2", "0"), "K2 is 0; expected a whole number, 1 or more"),
        (("TEST.AQE.QE_K", "0"), "QE_K is 0; expected a whole number, 1 or more"),
        (("OUTPUT_DIR", "None"), "OUTPUT_DIR is None; expected a path"),
        (("SOLVER.MAX_EPOCH", "1", "--resume", "x"), "--resume stands behind the settings"),
    ],
)
def test_what_does_not_fit_is_told(configs, opts, sentence):
    with pytest.raises(InputError, match=sentence):
        load(configs, *opts)


def test_what_fits_is_kept_as_the_key_keeps_it(configs, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    opts = ("MODEL.DCAC.LAMBDA", "2", "DATASETS.TESTS", "['DG_MSMT17']", "SOLVER.STEPS", (3, 4), "OUTPUT_DIR", "~/2024")
    cfg = load(configs, *opts)
    assert type(cfg.MODEL.DCAC.LAMBDA) is float and cfg.MODEL.DCAC.LAMBDA == 2
    assert cfg.DATASETS.TESTS == ("DG_MSMT17",) and cfg.SOLVER.STEPS == [3, 4]
    assert cfg.OUTPUT_DIR == "/home/somebody/2024"
    assert load(configs, "OUTPUT_DIR", "2024").OUTPUT_DIR == "2024", "text where text is expected"


@pytest.mark.parametrize("name", random.Random(15).sample(sorted(RULES), 10))
def test_any_value_of_any_key_fits_or_is_told(configs, name):
    told_of_any(configs, [name])


@pytest.mark.slow
def test_any_value_of_every_key_fits_or_is_told(configs):
    told_of_any(configs, RULES)


def told_of_any(configs, names) -> None:
    for name in names:
        for value in ODD:
            try:
                check_settings(load(configs, name, value), training=True, processes=1)
            except InputError as error:
                assert "\n" not in str(error) and str(error).isprintable(), (name, value)
