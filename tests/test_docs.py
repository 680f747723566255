"""What README.md and docs/ name is there: files that they link, tools and configs of their commands, options of these."""

import re
from pathlib import Path

import pytest

from dcac_fastreid.analysis.options import KINDS
from dcac_fastreid.commands.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
COMMAND = re.compile(
    r"(?:^ {4}|`)(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?python (tools/\w+\.py)((?:[^\n`\\]|\\\n)*)", re.MULTILINE
)
GIVEN = {"--help", "--config-file", "--resume", "--eval-only"}  # by argparse, and to tools/train_net.py by fast-reid


def commands(page: Path) -> list[tuple[str, str]]:
    """(tool, arguments) of the commands on a page."""
    return [(tool, arguments.replace("\\\n", " ")) for tool, arguments in COMMAND.findall(page.read_text())]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_linked_files_are_there(page):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_name_tools_configs_and_options_that_exist(page):
    for tool, arguments in commands(page):
        source = _source(tool)
        configs = [word for word in arguments.split() if word.startswith("configs/")]
        assert [config for config in configs if not (ROOT / config).exists()] == [], tool
        options = {word for word in arguments.split() if word.startswith("--")} - GIVEN
        if tool == "tools/visualize.py":
            options = {option for option in options if option[2:] not in _options_of_kinds()}
        assert {option for option in options if f'"{option}"' not in source} == set(), tool


def test_every_tool_is_named_on_a_page_or_is_run_by_make():
    text = "".join(page.read_text() for page in [*PAGES, ROOT / "Makefile"])
    assert [path.name for path in (ROOT / "tools").glob("*.py") if f"tools/{path.name}" not in text] == []


def _source(tool: str) -> str:
    """Of the tool, and of the command that it is."""
    source = (ROOT / tool).read_text()
    command = re.search(r'run_tool\("(.+)"\)', source)
    if not command:
        return source
    folder = ROOT / "dcac_fastreid" / "commands"
    return "".join((folder / f"{name}.py").read_text() for name in (COMMANDS[command[1]][0], "options", "train"))


def _options_of_kinds() -> set[str]:
    return {option for kind in KINDS.values() for option in kind.options}
