"""The site holds what its pages link outside of docs/, with README.md as its first page; links work there as in the repository."""

import os
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
DOCS, FIRST_PAGE = ROOT / "docs", ROOT / "README.md"
LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")  # not of another site


def on_files(files: Files, config) -> Files:
    """Adds README.md, and the files of the repository that pages link."""
    waiting = [FIRST_PAGE, *DOCS.glob("*.md")]
    while waiting:
        file = waiting.pop()
        if place(file) not in files.src_uris:
            files.append(File.generated(config, place(file), abs_src_path=str(file)))
        if file.suffix == ".md":
            linked = {(file.parent / link).resolve() for link in LINK.findall(file.read_text())}
            waiting += [target for target in linked if target.is_file() and place(target) not in files.src_uris]
    return files


def on_page_markdown(markdown: str, page, **_) -> str:
    """The page with links as its place on the site needs them."""
    file = Path(page.file.abs_src_path)
    here = os.path.dirname(place(file))
    return LINK.sub(lambda link: os.path.relpath(place((file.parent / link[1]).resolve()), here or "."), markdown)


def place(file: Path) -> str:
    """Of a file of the repository on the site."""
    if file == FIRST_PAGE:
        return "index.md"
    return file.relative_to(DOCS if DOCS in file.parents else ROOT).as_posix()
