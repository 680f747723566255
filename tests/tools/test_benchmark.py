"""tools/benchmark.py: one command, all sections, JSON; plans; wrong input."""

import json
import socket
from pathlib import Path

import pytest

from dcac_fastreid.profiling import SECTIONS, report
from dcac_fastreid.profiling.bars import BARS
from dcac_fastreid.profiling.machine import ALLOCATOR

SYNTHETIC = "configs/DCAC/synthetic"
PLAN = ("--plan", "--num-classes", 8, "--config-file")


@pytest.fixture(autouse=True)
def allocator(monkeypatch):
    """The settings are there, so the tool runs in this process."""
    for name, value in ALLOCATOR.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(Path(__file__).parent.parent.parent)


@pytest.mark.slow
def test_one_command_measures_every_section(run_tool, tmp_path):
    output = tmp_path / "result.json"
    status, written = run_tool("benchmark", "--size", "tiny", "--rounds", 1, "--device", "cpu", "--output", output)
    assert status == 0, written
    results = json.loads(output.read_text())
    training = results["training"]
    assert [*training, "extraction", "ranking"] == list(SECTIONS)
    assert [name for name in training if "step_s" not in training[name]] == ["+bf16", "+graph", "+compile"]
    for name, figures in training.items():
        assert figures.get("left_out") == "GPU only" or figures["share_of_matrix_rate"] > 0, name
    table = report(results)
    assert table in written and all(f"\n{name} " in table for name in training)
    assert results["extraction"]["fp32"]["images_per_s"] > 0 and results["ranking"]["given_distances"]["equal"]
    assert [bar["name"] for bar in results["bars"]] == [bar.name for bar in BARS]
    assert results["versions"]["torch"] and results["machine"]["cores"] and results["date"]
    assert results["command"] == "python tools/benchmark.py --rounds 1 --size tiny --device cpu"
    assert str(tmp_path) not in output.read_text() and socket.gethostname() not in output.read_text()


def test_only_some_sections(run_tool, tmp_path):
    output = tmp_path / "result.json"
    status, _ = run_tool("benchmark", "--size", "tiny", "--rounds", 1, "--output", output, "--only", "baseline")
    assert status == 0 and list(json.loads(output.read_text())["training"]) == ["baseline"]


@pytest.mark.slow
def test_a_plan_of_a_config(run_tool, tmp_path):
    output = tmp_path / "plan.json"
    status, written = run_tool(
        "benchmark", *PLAN, f"{SYNTHETIC}/ma_ms.yml", "--output", output, "SOLVER.IMS_PER_BATCH", 8
    )
    assert status == 0, written
    assert {"memory", "step"} == set(json.loads(output.read_text())["error"])


def test_a_plan_that_does_not_fit_is_not_run(run_tool, tmp_path):
    output = tmp_path / "plan.json"
    status, written = run_tool(
        "benchmark", *PLAN, f"{SYNTHETIC}/baseline/ma_ms.yml", "--output", output, "SOLVER.IMS_PER_BATCH", 1_000_000
    )
    assert status == 1 and "does not fit" in written
    result = json.loads(output.read_text())
    assert "measured" not in result and "step_s" not in result["predicted"]
    settings = [other["settings"] for other in result["instead"]]
    assert settings == [["SOLVER.CHECKPOINT_ACTIVATIONS", True], ["SOLVER.MICRO_BATCH", 250_000]]
    for other in result["instead"]:
        assert other["memory_gib"]["step"] < result["predicted"]["memory_gib"]["step"]
        assert other["settings"][0] in written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "plane"], "--only names plane; known are plain, +latents"),
        (["--plan"], "--plan needs --config-file"),
        (["--config-file", "configs/DCAC/ma_ms.yml"], "--config-file and KEY VALUE belong to --plan"),
        ([*PLAN, f"{SYNTHETIC}/ma_ms.yml", "SOLVER.NONSENSE", 1], "there is no config key 'SOLVER.NONSENSE'"),
        ([*PLAN, "none.yml"], "there is no config file none.yml"),
    ],
)
def test_wrong_input_is_one_sentence(run_tool, arguments, sentence):
    status, written = run_tool("benchmark", *arguments)
    assert status == 2 and written.startswith(f"error: {sentence}") and written.count("\n") == 1
