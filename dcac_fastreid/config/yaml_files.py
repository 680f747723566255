"""From yaml to keys and values: a config file with those that it builds on, or a config's text. It is data, and runs nothing."""

import os
import re
import stat
from collections.abc import Mapping
from typing import Any

import yaml

from dcac_fastreid.config.rules import shown
from dcac_fastreid.errors import InputError

BASE = "_BASE_"
LARGEST = 1_000_000  # bytes of a file
MOST_VALUES, DEEPEST = 10_000, 20  # what aliases repeat counts again
MISREAD = re.compile(r"[-+]?(0[0-7_]+|[\d_]+(:[\d_]+)+(\.[\d_]*)?)$")  # octal; hours, minutes and seconds


def read_config(file: str | os.PathLike) -> list[tuple[str, Mapping]]:
    """Files and their content, the file itself last, before it those that it builds on by _BASE_, the first one first.

    Raises: InputError: a file that cannot be read, is no yaml or no config, or builds on itself.
    """
    chain: list[tuple[str, Mapping]] = []
    seen: list[str] = []
    file = os.fspath(file)
    while file:
        content = read_config_text(_text_of(file, chain[0][0] if chain else ""), file)
        seen.append(os.path.realpath(file))
        chain.insert(0, (file, content))
        file = _base(file, content)
        if file and os.path.realpath(file) in seen:
            names = " -> ".join([*(name for name, _ in reversed(chain)), file])
            raise InputError(f"{chain[-1][0]} builds on itself ({BASE}): {names}; break the circle")
    return chain


def read_config_text(text: str, source: str) -> dict:
    """The content of a config's text, which `source` calls by name; raises InputError: no yaml, or no keys and values."""
    if len(text) > LARGEST:
        raise InputError(_too_large(source))
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _check_nodes(node, source)
        content = loader.construct_document(node) if node is not None else None
    except _TooMuch as error:
        raise InputError(_too_large(source)) from error
    except yaml.YAMLError as error:
        raise InputError(f"{source} is no yaml: {' '.join(str(error).split())[:400]}") from error
    except InputError:
        raise
    except (ValueError, TypeError, OverflowError) as error:  # a date or a number that there is not
        raise InputError(f"{source} holds a value that cannot be read: {str(error)[:200]}") from error
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(content, dict):
        raise InputError(f"{source} is no config: it must hold keys and values, as DCAC/base.yml does")
    return content


class _TooMuch(Exception):
    """More values, or deeper ones, than any config has."""


class _Loader(yaml.SafeLoader):
    """yaml's safe loader, which knows no tags that make Python objects; it stops at what no config has."""

    values = depth = 0

    def compose_node(self, parent, index):
        self.values, self.depth = self.values + 1, self.depth + 1
        if self.values > MOST_VALUES or self.depth > DEEPEST:
            raise _TooMuch
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _check_nodes(root: yaml.Node, source: str) -> None:
    """Looks at what aliases make of the nodes, at keys and at numbers, before any value is made."""
    left, waiting = MOST_VALUES, [(root, 1, "")]
    while waiting:
        node, depth, name = waiting.pop()
        left -= 1
        if not left or depth > DEEPEST:  # an alias of what holds it is as deep as one likes
            raise _TooMuch
        if isinstance(node, yaml.SequenceNode):
            waiting += [(element, depth + 1, name) for element in node.value]
        elif isinstance(node, yaml.MappingNode):
            _check_keys(node, name, source)
            waiting += [(value, depth + 1, f"{name}{key.value}.") for key, value in node.value]
        elif node.style is None and node.tag.endswith((":int", ":float")) and MISREAD.match(node.value):
            raise InputError(
                f"{source}: {name.rstrip('.')} is {node.value[:40]}, which yaml reads as another number (octal, or minutes and "
                "seconds); write the plain number"
            )


def _check_keys(node: yaml.MappingNode, name: str, source: str) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag.rpartition(":")[2] not in ("str", "merge"):
            what = shown(key.value) if isinstance(key, yaml.ScalarNode) else "a list or section"
            raise InputError(f"{source}: {what} stands for a key{_inside(name)}; expected a word, such as MODEL")
        if "." in key.value:
            nested = ": {".join(key.value.split("."))
            raise InputError(
                f"{source}: the key {key.value!r}{_inside(name)} has dots, as on a command line; in a file its sections stand "
                f"below each other, {shown(nested)[1:-1]}: ...{'}' * key.value.count('.')}"
            )
        if key.value in seen:
            raise InputError(f"{source}: the key {name}{key.value} stands there twice; keep one of the two")
        seen.add(key.value)


def _inside(name: str) -> str:
    return f" in {name.rstrip('.')}" if name else ""


def _base(file: str, content: dict) -> str:
    """Takes _BASE_ out of a config's content; the path that it names, "" for none."""
    if BASE not in content:
        return ""
    base: Any = content.pop(BASE)
    if not isinstance(base, str) or not base or "\0" in base:
        raise InputError(f"{file}: {BASE} is {shown(base)}; expected the path of the config file to build on")
    if "://" in base:
        raise InputError(
            f"{file} builds on {base} ({BASE}), which is not on this machine; download it and name the file"
        )
    return os.path.join(os.path.dirname(file), os.path.expanduser(base))


def _text_of(file: str, wanted_by: str) -> str:
    """The text of a file; `wanted_by`: the file that builds on it, "" where none does."""
    missing = f"{wanted_by} builds on {file} ({BASE}), which" if wanted_by else f"the config file {file}"
    try:
        kind = os.stat(file).st_mode
        if not stat.S_ISREG(kind):
            what = "a folder" if stat.S_ISDIR(kind) else "no ordinary file"
            raise InputError(f"{missing} is {what}; name a file")
        with open(file, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except FileNotFoundError as error:
        if wanted_by:
            raise InputError(f"{missing} is no file") from error
        raise InputError(f"there is no config file {file}; a shipped one is named as DCAC/ma_ms.yml") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{missing} cannot be read: {str(error)[:200]}") from error
    if len(content) > LARGEST:
        raise InputError(_too_large(file))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        form = "is UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "is no UTF-8"
        raise InputError(f"{file} {form}, so it cannot be read as text; save it as UTF-8") from error


def _too_large(source: str) -> str:
    return (
        f"{source} is larger than any config: expected at most {LARGEST / 1e6:g} MB, {MOST_VALUES:,} values (one that an alias "
        f"repeats counts each time) and {DEEPEST} levels of sections"
    )
