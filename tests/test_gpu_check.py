"""benchmarks/gpu_check.sh, run with an interpreter that only notes what it is asked for: all names in it are right."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import dcac_fastreid
from dcac_fastreid import profiling
from fastreid.engine import default_argument_parser

ROOT = Path(__file__).parent.parent
SCRIPT = "benchmarks/gpu_check.sh"
STUB = """#!{python}
import json, os, shutil, sys
words, code = sys.argv[1:], sys.stdin.read() if sys.argv[1:2] == ["-"] else ""
with open(os.environ["NOTES"], "a") as notes:
    notes.write(json.dumps({{"words": words, "code": code}}) + "\\n")
if words[0] == "-c" and "device_count" in words[1]:
    print(os.environ["GPUS"])
if "glob" in code:  # the comparison of the trainings needs no GPU
    os.execv(sys.executable, [sys.executable, "-c", code])
if "OUTPUT_DIR" in words and "--eval-only" not in words:
    folder = words[words.index("OUTPUT_DIR") + 1]
    os.makedirs(folder)
    shutil.copy(os.environ["NOTES"] + ".pth", folder + "/model_final.pth")
    with open(folder + "/metrics.json", "w") as metrics:
        metrics.write('{{"iteration": 1, "total_loss": 2.0, "mAP": 50.0}}\\n')
"""


@pytest.fixture(scope="module", params=[1, 2], ids=["one GPU", "two GPUs"])
def noted(request, tmp_path_factory) -> tuple[list[dict], Path, int]:
    """What the script asks its interpreter for, in order, the folder in which it worked, and how many trainings there are."""
    folder = tmp_path_factory.mktemp("gpu_check")
    stub = folder / "python3"
    stub.write_text(STUB.format(python=sys.executable))
    stub.chmod(0o755)
    torch.save({"model": {"weight": torch.zeros(2)}}, folder / "notes.pth")
    environment = {
        **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "WORK": str(folder), "OUT": str(folder / "out"),
        "NOTES": str(folder / "notes"), "GPUS": str(request.param),
    }  # fmt: skip
    ended = subprocess.run(["bash", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    trainings = 12 if request.param == 1 else 14
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()], folder, trainings


def of_tool(noted, tool: str) -> list[list[str]]:
    return [note["words"][1:] for note in noted[0] if note["words"][0] == f"tools/{tool}"]


def test_every_training_and_the_evaluation_have_a_command_that_is_understood(noted):
    commands = of_tool(noted, "train_net.py")
    assert len(commands) == noted[2] + 3
    for words in commands:
        args = default_argument_parser().parse_args(words)
        assert args.num_gpus == (2 if any(word.endswith("runs/two_gpus") for word in words) else 1)
        assert (ROOT / args.config_file).is_file()
        opts = [
            word if key != "MODEL.DEVICE" else "cpu" for key, word in zip(["", *args.opts], args.opts, strict=False)
        ]
        dcac_fastreid.load_config(str(ROOT / args.config_file), opts)


def test_the_trainings_are_compared(noted):
    text = (noted[1] / "out" / "trainings.txt").read_text()
    assert len(re.findall(r"^\w+ - \w+: bit-equal 1 of 1", text, re.MULTILINE)) == noted[2] - 1, text
    assert "Traceback" not in text and len(re.findall(r"'total_loss': 2.0", text)) == noted[2]


def test_a_training_that_leaves_no_weights_is_told(tmp_path):
    """One that its time limit has cut."""
    (code,) = re.findall(r"trainings.txt.*<<'PY'\n(.*?)^PY$", (ROOT / SCRIPT).read_text(), re.DOTALL | re.MULTILINE)
    runs = tmp_path / "runs"
    (runs / "bf16").mkdir(parents=True)
    (runs / "bf16" / "metrics.json").write_text('{"iteration": 1, "total_loss": 2.0}\n')
    (runs / "bf16.log").write_text("The training step is recorded as a CUDA graph\n")
    (runs / "default.log").write_text("SOLVER.SPEED auto: bf16, steps to be recorded as a CUDA graph\n")
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"WORK": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[0] == "MISSING bf16" and ended.stdout.splitlines()[-1] == "MISSING default"
    assert "total_loss" in ended.stdout and ended.stdout.count("graph recorded") == 1


def test_the_trainings_that_are_compared_differ_in_what_is_looked_for(noted):
    """The last of several values counts."""
    opts = {}
    for words in of_tool(noted, "train_net.py"):
        pairs = words[words.index("SOLVER.MAX_EPOCH") :] if "--eval-only" not in words else words[3:]
        settings = dict(zip(pairs[::2], pairs[1::2], strict=True))
        opts[Path(settings.pop("OUTPUT_DIR")).name] = settings
    bf16 = opts["bf16"]
    assert bf16["SOLVER.AMP.DTYPE"] == "bf16" and bf16["SOLVER.CUDA_GRAPH"] == "False" and bf16 == opts["bf16_again"]
    assert opts["graph"] == {**bf16, "SOLVER.CUDA_GRAPH": "True"}
    assert opts["deterministic"] == opts["deterministic_again"] == {**bf16, "SOLVER.DETERMINISTIC": "True"}
    assert not {"SOLVER.AMP.ENABLED", "SOLVER.AMP.DTYPE", "SOLVER.CUDA_GRAPH"} & opts["default"].keys()
    assert {opts[f"test_{precision}"]["TEST.PRECISION"] for precision in ("fp32", "tf32", "bf16")} == {
        "fp32",
        "tf32",
        "bf16",
    }
    if noted[2] == 14:
        assert opts["two_gpus"] == bf16 and opts["second"] == {**opts["graph"], "MODEL.DEVICE": "cuda:1"}


def test_the_benchmark_asks_for_sections_that_exist(noted):
    (words,) = of_tool(noted, "benchmark.py")
    only = words[words.index("--only") + 1 : words.index("--output")]
    assert only and set(only) <= set(profiling.SECTIONS)


def test_pytest_is_asked_for_a_marker_and_folders_that_exist(noted):
    (words,) = [note["words"] for note in noted[0] if note["words"][:2] == ["-m", "pytest"]]
    assert words[words.index("-m", 1) + 1] == "gpu" and "gpu: " in (ROOT / "pyproject.toml").read_text()
    assert all((ROOT / words[place + 1]).is_dir() for place, word in enumerate(words) if word == "--ignore")


def test_its_python_compiles_and_what_it_looks_for_is_logged(noted):
    for note in noted[0]:
        compile(note["code"], "gpu_check.sh", "exec")
    package = "".join(file.read_text() for file in (ROOT / "dcac_fastreid").rglob("*.py"))
    assert "is recorded as a CUDA graph" in package and "SOLVER.CUDA_GRAPH is True" in package
    assert callable(dcac_fastreid.data.data_root)


def test_the_steps_are_told_with_their_status(noted):
    summary = (noted[1] / "out" / "summary.txt").read_text()
    assert len(re.findall(r"training \w+: status 0", summary)) == noted[2]
    assert "gpu tests: status 0" in summary and "benchmark: status 0" in summary
