"""What is in the repository of the package is in a wheel too: code, configs, small weights, architectures."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from dcac_fastreid import load_config
from dcac_fastreid.errors import InputError

ROOT = Path(__file__).parent.parent
PACKAGE, CONFIGS = "dcac_fastreid", "configs"


@pytest.fixture(scope="module")
def listed() -> set[str]:
    """The files of package and configs in the repository."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git, which tells the files that belong to the package")
    # With new files that are not added yet; without those that are deleted and not yet removed.
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", PACKAGE, CONFIGS]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    listed = {name for name in names if (ROOT / name).is_file()}
    assert {f"{PACKAGE}/synthetic/weights/open_clip_model.safetensors", f"{PACKAGE}/py.typed"} <= listed
    assert f"{CONFIGS}/DCAC/ma_ms.yml" in listed
    return listed


def test_a_wheel_has_every_file_of_the_package(listed, tmp_path):
    # The step of a wheel's making that collects its files; it writes nothing into the checkout.
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True)
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert built == {f"{PACKAGE}/{name}" if name.startswith(CONFIGS) else name for name in listed}


def test_a_source_distribution_has_what_its_wheel_needs(listed, tmp_path):
    build = [
        sys.executable,
        "setup.py",
        "-q",
        "egg_info",
        "--egg-base",
        str(tmp_path),
        "sdist",
        "--dist-dir",
        str(tmp_path),
    ]
    subprocess.run(build, cwd=ROOT, check=True)
    (file,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {*listed, "setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names


def test_a_shipped_config_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_name, by_path = (
        load_config(name) for name in ("DCAC/synthetic/ma_ms.yml", ROOT / "configs/DCAC/synthetic/ma_ms.yml")
    )
    assert by_name == by_path
    (tmp_path / "DCAC").mkdir()
    (tmp_path / "DCAC" / "ma_ms.yml").write_text("SEED: 7")
    assert load_config("DCAC/ma_ms.yml").SEED == 7, "what is there by that path"
    with pytest.raises(InputError, match="there is no config file DCAC/none.yml"):
        load_config("DCAC/none.yml")
