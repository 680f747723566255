"""Type, range and choices of config keys: what no key may hold, whatever its rule says."""

import math

import pytest

from dcac_fastreid.config import add_dcac_config, check_values, leaves
from dcac_fastreid.config.host_keys import SAMPLERS, SCHEDULES
from dcac_fastreid.config.rules import choice, flag, number, path, probability, several, shown, side, span, text, whole
from dcac_fastreid.config.values import RULES
from dcac_fastreid.data.checks import check_batches
from dcac_fastreid.engine.schedule import EPOCH_SCHEDULE
from dcac_fastreid.errors import InputError
from fastreid.config import get_cfg

# Right for no key: of every type, none of them a value that fits.
NOWHERE = (
    None,
    1j,
    b"x",
    {"a": 1},
    {1},
    object(),
    math.nan,
    -math.inf,
    "a\nb",
    "\udc80",
    "\0",
    [None],
    [[1]],
    [math.nan],
)


@pytest.fixture
def cfg():
    """fast-reid's default values and ours."""
    cfg = get_cfg()
    add_dcac_config(cfg)
    return cfg


def test_every_key_is_declared(cfg):
    assert {name for name, _ in leaves(cfg)} == set(RULES)


def test_what_is_listed_elsewhere_too_is_the_same():
    assert set(SAMPLERS) == {*check_batches.SAMPLERS, "SetReWeightSampler"} and EPOCH_SCHEDULE in SCHEDULES


def test_every_default_value_fits(cfg):
    check_values(cfg)


@pytest.mark.parametrize("name", RULES)
def test_what_no_key_may_hold(name, cfg):
    default = dict(leaves(cfg))[name]
    others = {bool: (0, 1, "", 0.5), int: (True, 1.0, "1"), float: (True, "1"), str: (True, 1, 0.5), list: ("", 1)}
    for value in (*NOWHERE, *others.get(type(default), ("", 1))):
        fault = RULES[name].fault(value)
        assert fault, value
        assert "\n" not in fault and len(fault) < 1000


@pytest.mark.parametrize(
    "rule, right, wrong",
    [
        (flag(), (True, False), (0, 1, "True")),
        (whole(1, 5), (1, 5), (0, 6, 1.0, True, 10**5000)),
        (whole(), (0, 10**9), (-1, 10**10)),
        (number(0, 2), (0, 0.0, 2), (-1e-9, 2.1, True, math.inf, 10**5000)),
        (number(above=0, infinite=True), (1e-9, math.inf), (0, 0.0, -math.inf, math.nan)),
        (probability(), (0, 1.0), (1.01, -0.01)),
        (side(), (1, 256), (0, 10**6)),
        (side(8, multiple=8), (8, 128), (0, 4, 100, 128.0)),
        (text(), ("", "a b", "ü"), ("a\x1b[31m", 3)),
        (text(empty=False), ("a",), ("",)),
        (path(), ("", "~/a", "a" * 255), ("a" * 256, "a/" * 3000)),
        (choice("a", "b"), ("a",), ("", "c", ["a"])),
        (several(whole(), 2), ([1, 2], (1, 2)), ([1], [1, 2, 3], [1, 2.0], "12")),
        (several(text(), distinct=True), ([], ["a", "b"]), (["a", "a"],)),
        (several(whole(), rising=True), ([], [1, 2]), ([1, 1], [2, 1])),
        (span(number(0, 2)), ([1, 2], (1.0, 1)), ([2, 1], [1], [1, 3], 1)),
    ],
)
def test_a_rule_knows_right_from_wrong(rule, right, wrong):
    assert [rule.fault(value) for value in right] == [""] * len(right)
    assert all(rule.fault(value) for value in wrong)


def test_a_value_of_any_size_can_be_shown():
    assert shown(10**5000) == "a value of type int that cannot be written"
    assert len(shown("x" * 10**6)) < 100


def test_a_config_changed_in_python_is_looked_at(cfg):
    cfg.MODEL.DCAC.LAMBDA = -1e10
    with pytest.raises(InputError, match="MODEL.DCAC.LAMBDA is -10000000000.0; expected a number from 0"):
        check_values(cfg)
