"""Which code is running: Python, the libraries that count, and the commit of this package."""

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
    """With "+changes" behind it, where files differ from the commit."""
    git = ["git", "-C", str(Path(__file__).parent)]
    with suppress(OSError, subprocess.CalledProcessError):
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
        return commit + ("+changes" if changes.stdout.strip() else "")
    return None
