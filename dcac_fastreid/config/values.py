"""Values of a config: looked at by their keys' rules, and set from a file or a command line."""

import difflib
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dcac_fastreid.arguments import as_text, shown_value
from dcac_fastreid.config.host_keys import HOST_KEYS
from dcac_fastreid.config.our_keys import OUR_KEYS
from dcac_fastreid.config.rules import shown
from dcac_fastreid.errors import InputError
from fastreid.config import CfgNode

RULES = HOST_KEYS | {key.name: key.rule for key in OUR_KEYS}
COMMAND_LINE = "the command line"


def add_dcac_config(cfg: CfgNode) -> None:
    """Adds DCAC's keys to fast-reid's default config, in place; their meanings stand in config/our_keys.py."""
    for key in OUR_KEYS:
        node, name = cfg, key.name
        while "." in name:
            section, _, name = name.partition(".")
            node = node.setdefault(section, CfgNode())
        node[name] = key.default


def check_values(cfg: CfgNode) -> None:
    """Looks at every value of a config by the type, range and choices of its key.

    Raises: InputError: the first value that does not fit.
    """
    for name, value in leaves(cfg):
        if name in RULES and (fault := RULES[name].fault(value)):
            raise InputError(f"{name} {fault}")


def leaves(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a config or a yaml's content by their full names, as on the command line; an empty section is a value."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def check_pairs(opts: Sequence) -> None:
    """Looks at KEY VALUE pairs of a command line.

    Raises: InputError: no list of words, a key without a value, or an option where a key should stand.
    """
    if not isinstance(opts, list | tuple):
        raise InputError(f"the settings are {shown_value(opts)}; expected a list of KEY, VALUE, KEY, VALUE, ...")
    for key in opts[::2]:
        as_text(key, "the name of a setting")
    option = next((word for word in opts[::2] if word.startswith("--")), "")
    if option:
        raise InputError(f"{option} stands behind the settings, KEY VALUE; write it before the first of them")
    if len(opts) % 2:
        raise InputError(
            f"settings after the options come in pairs, KEY VALUE; got {len(opts)} words: {' '.join(map(str, opts))}"
        )


def pairs(opts: Sequence) -> Iterator[tuple[str, Any]]:
    """Keys and values of a command line; raises as `check_pairs`."""
    check_pairs(opts)
    yield from zip(opts[::2], opts[1::2], strict=True)


def set_values(cfg: CfgNode, named: Iterable[tuple[str, Any]], where: str, *, in_script: bool = False) -> None:
    """Sets values in place.

    A whole number may stand where a fraction is expected, and text that reads as a Python literal, (1, 2) say, is that
    literal, as in yacs; where text is expected it may be the text.

    Args:
        named: full names and values, as `pairs` and `leaves` give them.
        where: they come from: a file, or COMMAND_LINE.
        in_script: of fast-reid, which may have parts of its own under names that nobody has registered yet.
    Raises: InputError: a key that does not exist, or a value that does not fit its key.
    """
    for name, value in named:
        section, _, last = name.rpartition(".")
        node = _section(cfg, section)
        if isinstance(value, Mapping) and not value and isinstance(_section(cfg, name), Mapping):
            continue  # a section without keys
        if node is None or last not in node or isinstance(node[last], Mapping):
            raise InputError(_no_key(name, cfg, where))
        node[last] = _fitting(name, value, node[last], where, in_script)


def _section(cfg: CfgNode, name: str) -> CfgNode | None:
    node = cfg
    for part in name.split(".") if name else ():
        node = node.get(part) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _fitting(name: str, written, default, where: str, in_script: bool):
    """The value as the key keeps it."""
    value = _as_kept(_literal(written), default)
    file = "" if where == COMMAND_LINE else f" ({where})"
    rule = RULES.get(name)
    if rule is None:  # a key that a script has added
        if type(value) is not type(default) and value is not None and default is not None:
            kinds = type(value).__name__, type(default).__name__
            raise InputError(f"{name} is {shown(value)}, a value of type {kinds[0]}; expected {kinds[1]}{file}")
        return value
    fault_of = in_script and rule.in_script or rule.fault
    if (fault := fault_of(value)) and (value is None or fault_of(written)):
        raise InputError(f"{name} {fault}{file}")
    return rule.prepare(written if fault else value)


def _literal(written):
    if not isinstance(written, str):
        return written
    try:
        return literal_eval(written)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # the last two: it nests too deeply
        return written


def _as_kept(value, default):
    if type(value) in (list, tuple) and type(default) in (list, tuple):
        return type(default)(value)
    if type(value) is int and type(default) is float and abs(value) < 2**53:
        return float(value)
    return value


def _no_key(name: str, cfg: CfgNode, where: str) -> str:
    known = [key for key, _ in leaves(cfg)]
    inside = [key for key in known if key.startswith(f"{name}.")]
    if inside:
        return f"config key {name!r} ({where}) is a section; give one of its keys, such as {inside[0]}"
    shown = name if len(name) <= 100 else f"{name[:100]}..."
    near = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.0)[0]
    return f"there is no config key {shown!r} ({where}); the nearest one is {near}"
