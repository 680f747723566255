import re
import shutil
from pathlib import Path

import pytest
import torch

from dcac_fastreid import FeatureExtractor
from dcac_fastreid.data import file_sha256
from dcac_fastreid.deploy.export.origin import origin_of
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model

ROOT = Path(__file__).parent.parent.parent
SIZE = ("--image-size", 128, 64)


@pytest.fixture
def released_file(make_cfg, tmp_path) -> Path:
    """A small checkpoint with the names of the authors' code, of an untrained model with 11 identities."""
    model = build_model(make_cfg("baseline/ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", 11, "MODEL.BACKBONE.PRETRAIN", False))
    weights = {f"encoder.image_encoder.{key}": value for key, value in model.backbone.tower.state_dict().items()}
    weights |= {f"encoder.bnneck.{key}": value for key, value in model.heads.bottleneck[0].state_dict().items()}
    weights["encoder.fc.weight"] = model.heads.weight.data
    weights["denoiser.model.prompt_emb.prompt_emb"] = torch.randn(11, 64)
    weights["denoiser.model.out.2.weight"] = torch.randn(4, 32, 3, 3)
    torch.save(weights, tmp_path / "released.pth")
    return tmp_path / "released.pth"


def test_a_converted_checkpoint_is_tested_without_training_data_and_stable_diffusion(
    released_file, run_tool, train_net, tiny_data, tmp_path, monkeypatch
):
    output = tmp_path / "weights" / "converted.pth"
    status, report = run_tool("convert_checkpoint", "--input", released_file, "--output", output, *SIZE)
    assert status == 0, report
    assert "a checkpoint of DCAC's authors: 11 identities" in report
    assert re.search(r"U-Net +1 tensors +1,152 numbers +0.0 MB  training alone reads it", report)
    assert f"MODEL.WEIGHTS {output}" in report

    shutil.copytree(tiny_data / "MSMT17_V1", tmp_path / "data_root" / "MSMT17_V1")  # the target alone
    monkeypatch.chdir(tmp_path)
    status, written = train_net(
        "--config-file", ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml",
        "--eval-only", "MODEL.WEIGHTS", output, "MODEL.DEVICE", "cpu", "DATASETS.ROOT", tmp_path / "data_root",
        "MODEL.BACKBONE.PRETRAIN_PATH", "none", "MODEL.DCAC.DIFFUSION.WEIGHTS", "none", "OUTPUT_DIR", tmp_path / "out",
    )  # fmt: skip
    assert status == 0, written
    assert re.search(r"\| DG_MSMT17 +\|", written)


def test_a_converted_checkpoint_may_carry_its_config(released_file, run_tool, tmp_path):
    config = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"
    command = ("convert_checkpoint", "--input", released_file, "--output", tmp_path / "converted.pth", *SIZE)
    assert run_tool(*command)[0] == 0
    with pytest.raises(InputError, match="does not tell its architecture"):
        FeatureExtractor(tmp_path / "converted.pth", device="cpu")
    status, report = run_tool(*command, "--config-file", config)
    assert status == 0 and f"dcac-fastreid test --config-file {config} MODEL.WEIGHTS" in report, report
    assert FeatureExtractor(tmp_path / "converted.pth", device="cpu").encoder.input_size == (128, 64)


CONFIG = ROOT / "configs" / "DCAC" / "synthetic" / "ma_ms.yml"


def test_a_model_folder_gives_the_features_of_the_checkpoint_and_tells_its_origin(released_file, run_tool, tmp_path):
    (tmp_path / "stamp.json").write_text('{"sources": ["DG_MSMT17"]}')  # of another run that lies in the same folder
    command = ("convert_checkpoint", "--input", released_file, *SIZE, "--config-file", CONFIG)
    assert run_tool(*command, "--output", tmp_path / "converted.pth")[0] == 0
    folder = tmp_path / "shared"
    status, report = run_tool(*command, "--output", folder, "--weights-license", "mit")
    assert status == 0 and "a checkpoint of DCAC's authors: 11 identities" in report, report
    assert f"MODEL.WEIGHTS {folder / 'encoder.safetensors'}" in report
    names = {"encoder.safetensors", "encoder.yml", "prompts.safetensors", "README.md"}
    assert {file.name for file in folder.iterdir()} == names and all(str(folder / name) in report for name in names)
    image = torch.randint(0, 255, (3, 90, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features = [FeatureExtractor(path, device="cpu")(image) for path in (tmp_path / "converted.pth", folder)]
    assert torch.equal(*features)
    card = (folder / "README.md").read_text()
    for words in (
        "# Encoder of a checkpoint of DCAC's authors",
        f"- checkpoint: released.pth, sha256 `{file_sha256(released_file)}`",
        "Trained on: not stated.",
        "Of its training nothing is stated: the encoder was converted from a checkpoint of DCAC's authors, which has no run",
        "Not stated: the encoder was converted from a released checkpoint, and not tested since.",
        "- data: not stated; a checkpoint of DCAC's authors does not tell the training data",
        "- weights: mit",
    ):
        assert words in card, words
    assert "MSMT17" not in card
    told = origin_of(folder / "encoder.safetensors")
    assert told.released == "a checkpoint of DCAC's authors" and told.checkpoint == "released.pth", (
        "an export tells it too"
    )
    assert run_tool(*command, "--output", folder)[0] == 0, "its own folder is written again"
    assert (
        "- weights: not stated; converted from a checkpoint of DCAC's authors: the terms"
        in (folder / "README.md").read_text()
    )


def test_a_folder_that_cannot_be_shared_is_one_sentence(released_file, run_tool, tmp_path):
    other = tmp_path / "other.yml"
    other.write_text(f"_BASE_: {CONFIG}\nINPUT:\n  SIZE_TRAIN: [64, 64]\n  SIZE_TEST: [64, 64]\n")
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "README.md").write_text("my notes")
    inside = tmp_path / "inside" / "encoder.safetensors"
    inside.parent.mkdir()
    shutil.copyfile(released_file, inside)
    before = sorted(tmp_path.rglob("*"))
    for file, output, config, message in (
        (
            released_file,
            "made",
            other,
            r"the released encoder does not fit the config, .*positional_embedding is 33 x 128, exp",
        ),
        (released_file, "notes", CONFIG, "README.md was not written by this command"),
        (released_file, "released.pth/below", CONFIG, "is a file"),
        (inside, "inside", CONFIG, "would be overwritten by the model folder"),
    ):
        status, written = run_tool(
            "convert_checkpoint", "--input", file, "--output", tmp_path / output, *SIZE, "--config-file", config
        )
        assert status == 2 and re.fullmatch(f"error: .*{message}.*\n", written), written
    assert sorted(tmp_path.rglob("*")) == before


def cut(file):
    file.write_bytes(file.read_bytes()[:5000])


def empty(file):
    file.write_bytes(b"")


def without_neck(file):
    weights = torch.load(file, weights_only=True)
    torch.save({key: value for key, value in weights.items() if "bnneck" not in key}, file)


def of_another_kind(file):
    torch.save({"layer.weight": torch.zeros(1)}, file)


def with_objects(file):
    torch.save({"weight": torch.zeros(1), "args": Path("x")}, file)


def leave(file):
    pass


@pytest.mark.parametrize(
    ("spoil", "arguments", "message"),
    [
        (Path.unlink, SIZE, "there is no file .*released.pth"),
        (cut, SIZE, "released.pth cannot be read as weights"),
        (empty, SIZE, "released.pth cannot be read as weights"),
        (with_objects, SIZE, "is no released checkpoint: expected weights .*"),
        (of_another_kind, SIZE, "is no released checkpoint: expected weights .*, got layer.weight"),
        (without_neck, SIZE, "heads.bottleneck.0.weight is missing"),
        (leave, (), "32 positions, where 256 x 128 has 16 x 8 patches of 16: give its size by --image-size H W"),
        (leave, (*SIZE, "--format", "clip-reid"), "no complete checkpoint"),
        (leave, (*SIZE, "--output", "{input}"), "--output is the --input"),
        (leave, (*SIZE, "--config-file", "none.yml"), "there is no config file none.yml"),
        (leave, (*SIZE, "--output", "{input}/below/a/file.pth"), "is a file; name another file"),
    ],
)
def test_what_cannot_be_converted_ends_in_one_sentence(spoil, arguments, message, released_file, run_tool, tmp_path):
    spoil(released_file)
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments = [str(word).format(input=released_file) for word in ("--output", tmp_path / "converted.pth", *arguments)]
    status, written = run_tool("convert_checkpoint", "--input", released_file, *arguments)
    assert status == 2
    assert re.fullmatch(f"error: .*{message}.*\n", written), written
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "nothing is half-written"
