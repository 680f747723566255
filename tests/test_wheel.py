"""The wheel in a new environment and outside of a clone: all that a user does first. Downloads PyTorch; minutes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "benchmarks", "build", "docs", "logs", "site", "tests", "*.egg-info")
FAST_REID = "pip install --no-deps fastreid==1.4.0"


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Runs `dcac-fastreid WORDS`, or another program of the environment, in an empty folder; returns status and output."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    python, work = folder / "environment/bin/python", folder / "work"
    work.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= {"DCAC_FASTREID_CACHE": str(folder / "cache"), "PATH": f"{python.parent}:{os.environ['PATH']}"}

    def run(*words, program: str = "dcac-fastreid") -> tuple[int, str]:
        words = [str(python.parent / program), *map(str, words)]
        finished = subprocess.run(
            words, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return finished.returncode, finished.stdout

    run.folder, run.cache = work, folder / "cache"
    subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
    subprocess.run([sys.executable, "setup.py", "-q", "sdist", "--dist-dir", folder], cwd=folder / "source", check=True)
    (source,) = folder.glob("dcac_fastreid-*.tar.gz")
    status, output = run("-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", folder, source, program="python")
    assert status == 0, output
    (wheel,) = folder.glob("dcac_fastreid-*.whl")
    install = ["-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{wheel}[deploy]"]
    status, output = run(*install, program="python")
    assert status == 0, output
    return run


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_what_a_user_does_first(command):
    train = ("train", "--config-file", "DCAC/synthetic/ma_ms.yml", "SOLVER.MAX_EPOCH", "2", "OUTPUT_DIR", "run")
    status, output = command(*train)
    assert status == 2 and FAST_REID in output.splitlines()[-1], output
    assert command("--help")[0] == command("check-data", ".", "--quick")[0] - 1 == 0, "both without fast-reid"
    assert command(*FAST_REID.split()[1:], "-q", program="pip")[0] == 0

    status, output = command(*train)
    assert status == 0 and "epoch 2/2" in output and "| DG_MSMT17" in output, output
    (data_root,) = command.cache.glob("world-*-default")
    status, output = command("check-data", data_root)
    assert status == 0 and "Training can start." in output, output

    weights = ("--checkpoint", "run/model_final.pth")
    tested = ("--config-file", "DCAC/synthetic/ma_ms.yml", "MODEL.WEIGHTS", weights[1], "OUTPUT_DIR", "tested")
    status, output = command("test", *tested)
    assert status == 0 and "| DG_MSMT17" in output, output

    images = sorted((data_root / "Market-1501-v15.09.15").rglob("query/*.jpg"))
    status, output = command("search", "index", *weights, "--gallery", images[0].parent, "--index", "index")
    assert status == 0, output
    status, output = command("search", "query", "--index", "index", "--photos", images[0], "--output", "found")
    assert status == 0 and (command.folder / "found/index.html").is_file() and images[0].name in output, output

    status, output = command("export", *weights, "--output", "exported")
    assert status == 0, output
    assert {file.name for file in (command.folder / "exported").iterdir()} >= {"encoder.onnx", "encoder.pt2"}
