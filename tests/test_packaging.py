"""What is in the repository of the package is in a wheel too: code, small weights, architectures, Stable Diffusion's configs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "dcac_fastreid"


def test_a_wheel_has_every_file_of_the_package(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git, which tells the files that belong to the package")
    # With new files that are not added yet; without those that are deleted and not yet removed.
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", PACKAGE]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    listed = {name for name in listed if (ROOT / name).is_file()}
    # The step of a wheel's making that collects its files; it writes nothing into the checkout.
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True)
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert f"{PACKAGE}/synthetic/weights/open_clip_model.safetensors" in listed
    assert built == listed
