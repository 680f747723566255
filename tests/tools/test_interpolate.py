"""tools/interpolate.py: checkpoints between the start of a run, or another checkpoint, and a trained one."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

import dcac_fastreid
from dcac_fastreid.checkpoint.checkpointer import load_for_testing
from dcac_fastreid.checkpoint.interpolation import weights_hash
from dcac_fastreid.engine.interpolated_files import interpolate_checkpoint
from dcac_fastreid.errors import InputError

CONFIG = "baseline/ma_ms.yml"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def runs(make_trainer, kept):
    """Folders of two finished runs of one start, made once: `plain`, and `interpolated` at 0.7, of the same training."""
    for name, alpha in (("plain", 1.0), ("interpolated", 0.7)):
        folder = kept / name
        if not (folder / "model_final.pth").exists():
            trainer = make_trainer(CONFIG, "OUTPUT_DIR", str(folder), "SOLVER.INTERPOLATE.ALPHA", alpha)
            trainer.resume_or_load(resume=False)
            trainer.train()
            (folder / "config.yaml").write_text(trainer.cfg.dump())
    return kept


def load(file):
    return torch.load(file, weights_only=True)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("of", ["plain", "interpolated"])
def test_it_makes_what_the_end_of_a_training_makes(runs, run_tool, tmp_path, of):
    """Also of a checkpoint that is interpolated already: its trained encoder lies beside."""
    status, said = run_tool(
        "interpolate", "--config-file", runs / of / "config.yaml", "--checkpoint", runs / of / "model_final.pth",
        "--alpha", "0.7,1", "--output", tmp_path / "made",
    )  # fmt: skip
    assert status == 0, said
    made, expected = load(tmp_path / "made" / "interpolated_0.7.pth"), load(runs / "interpolated" / "model_final.pth")
    assert same(made["model"], expected["model"])
    assert made["interpolated"] == expected["interpolated"]
    assert made.keys() == {"model", "encoder_config", "interpolated"}  # nothing to resume from
    trained, at_1 = load(runs / "plain" / "model_final.pth")["model"], load(tmp_path / "made" / "interpolated_1.pth")
    assert torch.equal(at_1["model"]["backbone.tower.proj"], trained["backbone.tower.proj"])
    file = tmp_path / "made" / "interpolated_0.7.pth"
    assert f"MODEL.WEIGHTS {file}" in said
    share = ("export_weights", "--config-file", runs / of / "config.yaml", "--output", tmp_path / "shared")
    status, said = run_tool(*share, "MODEL.WEIGHTS", file)
    assert status == 0 and (tmp_path / "shared" / "README.md").is_file(), said
    shared = load_file(tmp_path / "shared" / "encoder.safetensors")
    assert torch.equal(shared["backbone.tower.proj"], made["model"]["backbone.tower.proj"])


def test_between_two_checkpoints(runs, make_cfg, tmp_path):
    """Of two encoders, the statistics those of the one between."""
    cfg = make_cfg(CONFIG)
    ends = [runs / "plain" / "model_final.pth", tmp_path / "other.pth"]
    weights = load(ends[0])["model"]
    other = {name: weight + 0.01 if name.startswith("backbone.") else weight for name, weight in weights.items()}
    torch.save({"model": other, "selected_on": ["DG_MSMT17"]}, ends[1])
    (file,) = interpolate_checkpoint(cfg, ends[1], [0.25], tmp_path / "made", start=ends[0])
    made = load(file)
    expected = torch.lerp(weights["backbone.tower.proj"], other["backbone.tower.proj"], 0.25)
    assert torch.equal(made["model"]["backbone.tower.proj"], expected)
    parts = [
        {name.removeprefix("backbone."): weight for name, weight in model.items() if name.startswith("backbone.")}
        for model in (weights, other)
    ]
    assert made["interpolated"] == {"alpha": 0.25, "start": weights_hash(parts[0]), "end": weights_hash(parts[1])}
    assert made["selected_on"] == ["DG_MSMT17"]
    cfg = make_cfg(CONFIG, "MODEL.WEIGHTS", str(file))
    assert 0 < dcac_fastreid.DCACTrainer.test(cfg, load_for_testing(cfg))["mAP"] <= 100


def without_encoder(content):
    content["model"] = {name: weight for name, weight in content["model"].items() if not name.startswith("backbone.")}


def narrower(content):
    content["model"]["backbone.tower.proj"] = content["model"]["backbone.tower.proj"][:, :7]


def with_nan(content):
    content["model"]["backbone.tower.proj"][0, 0] = float("nan")


def without_trained(content):
    content["interpolated"] = {"alpha": 0.7}
    content.pop("trained", None)


@pytest.mark.parametrize(
    ("change", "as_start", "sentence"),
    [
        (without_encoder, False, "is no checkpoint of fast-reid"),
        (without_encoder, True, "holds no encoder"),
        (narrower, True, "are of different architectures, they differ in tower.proj"),
        (with_nan, True, "tower.proj is NaN"),
        (with_nan, False, "tower.proj is NaN"),
        (without_trained, False, "is interpolated already and does not hold its trained encoder"),
    ],
)
def test_files_that_cannot_be_interpolated(runs, make_cfg, tmp_path, change, as_start, sentence):
    whole, file = runs / "plain" / "model_final.pth", tmp_path / "changed.pth"
    content = load(whole)
    change(content)
    torch.save(content, file)
    checkpoint, start = (whole, file) if as_start else (file, whole)
    with pytest.raises(InputError, match=sentence):
        interpolate_checkpoint(make_cfg(CONFIG), checkpoint, [0.5], tmp_path / "made", start=start)
    assert not (tmp_path / "made").exists()


def test_another_start_than_that_of_the_run(runs, make_cfg, tmp_path):
    cfg = make_cfg(CONFIG, "MODEL.WEIGHTS", str(runs / "plain" / "model_final.pth"))
    with pytest.raises(InputError, match="the run began with another encoder"):
        interpolate_checkpoint(cfg, runs / "plain" / "model_final.pth", [0.5], tmp_path / "made")
    cfg = make_cfg(CONFIG, "MODEL.BACKBONE.PRETRAIN", False)
    with pytest.raises(InputError, match="the run began with random weights .* by --start"):
        interpolate_checkpoint(cfg, runs / "plain" / "model_final.pth", [0.5], tmp_path / "made")


@pytest.mark.parametrize("alpha", ["nan", "inf", "-0.1", "1.1", "", "half", "0.5,,0.7"])
def test_what_is_no_alpha_is_said_before_anything_is_read(run_tool, configs, tmp_path, alpha):
    status, said = run_tool(
        "interpolate", "--config-file", configs / "synthetic" / CONFIG, "--checkpoint", tmp_path / "none.pth",
        f"--alpha={alpha}", "--output", tmp_path / "made",
    )  # fmt: skip
    assert status == 2 and "expected a number from 0 to 1" in said and not (tmp_path / "made").exists()


def test_an_exported_encoder_tells_its_interpolation(runs, tmp_path):
    """tools/export_weights.py and all that reads a checkpoint's model take it as it is."""
    from dcac_fastreid.checkpoint.export import export_weights
    from dcac_fastreid.tensor_files import read_tensor_file

    folder = shutil.copytree(runs / "interpolated", tmp_path / "run")
    cfg = dcac_fastreid.load_config(folder / "config.yaml", ["MODEL.WEIGHTS", str(folder / "model_final.pth")])
    export_weights(cfg, tmp_path / "exported")
    exported = read_tensor_file(tmp_path / "exported" / "encoder.safetensors")
    saved = load(folder / "model_final.pth")["model"]
    assert all(torch.equal(weight, saved[name]) for name, weight in exported.items())
