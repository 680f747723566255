"""Which code is running: Python, the libraries that count, and the commit of this package."""

import hashlib
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("torch", "diffusers", "peft", "open_clip_torch", "numpy", "fastreid", "dcac_fastreid")


def describe_versions() -> dict:
    """Version by library, None where it is absent, and the commit where this package lies in a repository of git."""
    versions = {"python": platform.python_version(), "cuda": torch.version.cuda if torch.cuda.is_available() else None}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {**versions, "commit": _commit()}


def _commit() -> str | None:
    """With "+changes-" and 8 digits of a hash of the changes behind it, where tracked files differ from the commit.

    None where git does not track this file: the package is installed, perhaps inside a repository of something else.
    """
    file = Path(__file__)

    def git(*words: str) -> bytes:
        return subprocess.run(["git", "-C", str(file.parent), *words], capture_output=True, check=True).stdout

    with suppress(OSError, subprocess.CalledProcessError):
        git("ls-files", "--error-unmatch", file.name)
        commit = git("rev-parse", "HEAD").decode().strip()
        changes = git("diff", "--no-ext-diff", "--full-index", "HEAD")  # in full: of images it has the hash alone
        return commit + (f"+changes-{hashlib.sha256(changes).hexdigest()[:8]}" if changes else "")
    return None
