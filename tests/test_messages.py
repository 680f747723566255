"""What a message of the package names is there for everybody: an installed wheel has no tools/ and no configs/DCAC."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dcac_fastreid"
OF_A_CLONE = re.compile(r"\btools/[\w./-]*\.py|configs/DCAC")
OF_FAST_REID = ("compat", "host_scripts", "commands/run.py")  # these name fast-reid's own tools/train_net.py
ONLY_IN_A_CLONE = {"synthetic/card.py": "tools/pretrain_parts.py"}  # makes the shipped parts; no command does


def messages(source: str) -> list[str]:
    """The string constants of a module, without its docstrings."""
    tree = ast.parse(source)
    defined = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, defined) and node.body and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in constants if id(node) not in docstrings]


def test_messages_name_commands_and_shipped_configs_instead_of_files_of_a_clone():
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if name.startswith(OF_FAST_REID):
            continue
        named = {word for text in messages(file.read_text()) for word in OF_A_CLONE.findall(text)}
        if named - {ONLY_IN_A_CLONE.get(name)}:
            found[name] = named
    assert found == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""tools/a.py"""\nx = "tools/b.py"', ["tools/b.py"]),
        ('def f():\n    """configs/DCAC"""\n    raise ValueError(f"{f} is not in configs/DCAC/{f}")', ["configs/DCAC"]),
        ('run("python", "tools/deploy/c.py")', ["tools/deploy/c.py"]),
    ],
)
def test_a_message_is_found_and_a_docstring_is_not(source, expected):
    assert [word for text in messages(source) for word in OF_A_CLONE.findall(text)] == expected
