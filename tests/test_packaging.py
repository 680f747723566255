"""What is in the repository of the package is in a wheel too: code, configs, small weights, architectures."""

import subprocess
import sys
from pathlib import Path

import pytest

from dcac_fastreid import load_config
from dcac_fastreid.errors import InputError

ROOT = Path(__file__).parent.parent
PACKAGE, CONFIGS = "dcac_fastreid", "configs"


def test_a_wheel_has_every_file_of_the_package(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git, which tells the files that belong to the package")
    # With new files that are not added yet; without those that are deleted and not yet removed.
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", PACKAGE, CONFIGS]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    listed = {name for name in listed if (ROOT / name).is_file()}
    listed = {f"{PACKAGE}/{name}" if name.startswith(CONFIGS) else name for name in listed}
    # The step of a wheel's making that collects its files; it writes nothing into the checkout.
    build = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True)
    built = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert f"{PACKAGE}/synthetic/weights/open_clip_model.safetensors" in listed
    assert f"{PACKAGE}/configs/DCAC/ma_ms.yml" in listed and f"{PACKAGE}/py.typed" in listed
    assert built == listed


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
