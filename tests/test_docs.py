"""What README.md and docs/ say is there, and every block on them runs as it stands.

A block whose first line is "# needs ..." is not run; a `text` block right below another one is its output, "..." anything. Of
the demo's table the figures of trained encoders stand for any figures: they differ between machines.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from dcac_fastreid.commands.main import COMMANDS, SCRIPT

ROOT = Path(__file__).parent.parent
RUN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*RUN, ROOT / "benchmarks" / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
FAST = {"docs/install.md"}  # of RUN; the others train
NEEDS = {
    "8 GB of memory",
    "a checkout of fast-reid",
    "a clone",
    "hours",
    "real data",
    "real weights",
    "the package index",
    "to be stopped by Ctrl-C",
}
DEMO = "dcac-fastreid demo"
UNTRAINED = ("| random encoder ", "| pre-trained encoder ")  # rows of its table that are equal everywhere
COMMAND = re.compile(
    r"(?:^|[\s`(])(dcac-fastreid|python tools/\w+\.py)((?: +(?:\\\n)?(?:[^\s`\\]|\\(?!\n))+)*)", re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    output: str  # what stands right below it; "" for nothing

    @property
    def needs(self) -> str:
        return self.text[8:].partition("\n")[0] if self.text.startswith("# needs ") else ""


def blocks(page: Path) -> list[Block]:
    """The shell and Python blocks of a page."""
    return [block for block in _fences(page.read_text()) if block.language != "text"]


def unattached(text: str) -> list[str]:
    """The `text` blocks that are no block's output, so that nothing compares them."""
    return [block.text for block in _fences(text) if block.language == "text"]


def _fences(text: str) -> list[Block]:
    fence = r"^```(\w*)\n(.*?)^```$(?:\n```text\n(.*?)^```$)?"
    return [Block(*found) for found in re.findall(fence, text, re.MULTILINE | re.DOTALL)]


def runs(page: Path) -> bool:
    return any(not block.needs for block in blocks(page))


def of_pages(pages):
    return pytest.mark.parametrize("page", pages, ids=[page.relative_to(ROOT).as_posix() for page in pages])


@of_pages(PAGES)
def test_linked_files_are_there(page):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


@of_pages(PAGES)
def test_every_block_can_be_run_or_says_what_it_needs(page):
    assert {block.language for block in blocks(page)} <= {"shell", "python"}
    assert {block.needs for block in blocks(page)} <= {"", *NEEDS}
    outside = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^ {4}(?:\.venv|dcac-fastreid|python|make|pip) .*", outside, re.MULTILINE) == [], "no fence"
    targets = {
        target
        for block in blocks(page)
        for line in re.findall(r"^make (.*)", block.text, re.M)
        for target in line.split()
    }
    assert {target for target in targets if f"\n{target}:" not in (ROOT / "Makefile").read_text()} == set()


@of_pages(PAGES)
def test_outputs_stand_right_below_their_commands(page):
    assert [text for text in unattached(page.read_text()) if "..." in text] == []


def test_what_the_readme_shows_above_its_results_is_compared():
    above, results, _ = (ROOT / "README.md").read_text().partition("\n## Results\n")
    assert results and unattached(above) == []


@of_pages(PAGES)
def test_no_comment_waits_to_be_filled(page):
    assert re.findall("<!--.*", page.read_text()) == []


@of_pages(PAGES)
def test_commands_name_commands_configs_and_options_that_exist(page):
    for command, arguments in COMMAND.findall(page.read_text()):
        first, *words = [command.split("/")[-1], *arguments.replace("\\\n", " ").split()]
        configs = [word for word in words if word.endswith(".yml") and word.startswith(("DCAC/", "configs/"))]
        assert [config for config in configs if not (ROOT / "configs" / config.removeprefix("configs/")).exists()] == []
        name = first if first.endswith(".py") else next(iter(words), "")
        if name.isupper() or name.endswith(".py") and first == "dcac-fastreid":
            continue  # COMMAND, SCRIPT.py
        options = {word for word in words if word.startswith("--")}
        assert options <= _options(name, words if name == first else words[1:]), (command, arguments)


def test_every_tool_and_command_is_named_on_a_page_or_run_by_make():
    text = "".join(page.read_text() for page in [*PAGES, ROOT / "Makefile"])
    assert [name for name in COMMANDS if f"dcac-fastreid {name}" not in text] == []
    commands = [path for path in (ROOT / "tools").glob("*.py") if "run_tool(" not in path.read_text()]
    assert [path.name for path in commands if f"tools/{path.name}" not in text] == []


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= 1500 and len(text.splitlines()) <= 200


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A user's folder: the pages run in it, one after the other."""
    return tmp_path_factory.mktemp("user")


@of_pages([page for page in RUN if page.relative_to(ROOT).as_posix() in FAST])
def test_fast_pages_run(page, place):
    _run_page(page, place)


@pytest.fixture(scope="module")
def demo(place) -> str:
    """What the demo prints; its runs are in the place then, with photos of the user's own."""
    printed = _run("shell", DEMO, place)
    _lay_out_photos(place / ".cache" / "dcac_fastreid" / "world-v6-seed0-default", place)
    return printed


@pytest.mark.slow
@pytest.mark.timeout(1500)
@of_pages([page for page in RUN if page.relative_to(ROOT).as_posix() not in FAST and runs(page)])
def test_pages_run(page, place, demo):
    _run_page(page, place, demo)


def _run_page(page: Path, place: Path, demo: str = "") -> None:
    """Runs a page's blocks; the Python blocks of a page are one program."""
    program = ""
    for block in blocks(page):
        if block.needs:
            continue
        text = block.text
        if block.language == "python":
            text = f"import contextlib\nwith contextlib.redirect_stdout(None):\n    exec({program!r})\nexec({text!r})"
            program += block.text
        printed = demo if text.strip() == DEMO else _run(block.language, text, place)
        if block.output:
            pattern = _pattern(block.output, any_figures=text.strip() == DEMO)
            assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"{block.text}\nprinted\n{printed}"


def _pattern(output: str, *, any_figures: bool) -> str:
    lines = []
    for line in output.strip().splitlines():
        pattern = re.escape(line).replace(re.escape("..."), ".*")
        if any_figures and line.startswith("| ") and not line.startswith(UNTRAINED):
            pattern = re.sub(r"(?:\\ )+\d+\\\.\d\\ ", r" +\\d+\\.\\d ", pattern)
        lines.append(pattern)
    return "\n".join(lines)


def test_figures_of_trained_encoders_stand_for_any_and_names_for_themselves():
    row, other = "| baseline |  56.8 | 65.0 |", "| baseline | 101.1 |  5.2 |"
    assert re.fullmatch(_pattern(row, any_figures=True), other)
    assert not re.fullmatch(_pattern(row, any_figures=False), other)
    assert not re.fullmatch(_pattern(row, any_figures=True), other.replace("baseline", "DCAC    "))
    untrained = "| random encoder |  2.2 |"
    assert not re.fullmatch(_pattern(untrained, any_figures=True), untrained.replace("2.2", "2.3"))


def _run(language: str, text: str, place: Path) -> str:
    """What it printed; fails where its status is not 0."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("DCAC_", "FASTREID_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**given, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(place)}
    command = ["bash", "-euo", "pipefail", "-c", text] if language == "shell" else [sys.executable, "-c", text]
    run = subprocess.run(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert run.returncode == 0, f"{text}\nstatus {run.returncode}\n{run.stdout[-3000:]}"
    return run.stdout


def _lay_out_photos(world: Path, place: Path) -> None:
    """Synthetic images under the names that the pages give to the user's own photos."""
    query, *others = sorted((world / "DukeMTMC-reID" / "query").glob("*.jpg"))
    for name, photo in {"someone.jpg": query, "a.jpg": others[0], "b.jpg": others[-1]}.items():
        shutil.copy(photo, place / name)
    shutil.copytree(world / "DukeMTMC-reID" / "bounding_box_test", place / "photos")
    for folder, part in {"known_people": "query", "photos_by_person": "bounding_box_train"}.items():
        for photo in (world / "Market-1501-v15.09.15" / part).glob("*.jpg"):
            person, camera, number = photo.stem.split("_", 2)
            to = place / folder / person / f"cam{camera[1]}_{number}.jpg"
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, to)


def _options(command: str, words: list[str]) -> set[str]:
    """Of a command, of the tool that is one, or of another tool. words: what follows, a kind or a subcommand first."""
    if command.endswith(".py"):
        source = (ROOT / "tools" / command).read_text()
        named = re.search(r'run_tool\("(.+)"\)', source)
        return _options(named[1], words) if named else {"--help", *re.findall(r'"(--[\w-]+)"', source)}
    if command in ("", SCRIPT) or command.startswith("--"):
        return {"--help", "--version"}
    assert command in COMMANDS
    parser = argparse.ArgumentParser()
    import_module(f"dcac_fastreid.commands.{COMMANDS[command][0]}").add_options(parser)
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            wanted = next((word for word in words if word.islower() and not word.startswith("--")), None)
            assert wanted is None or wanted in action.choices, (command, words)
            parsers = action.choices.values() if wanted is None else [action.choices[wanted]]
            found |= {option for each in parsers for option in each._option_string_actions}
    return found
