"""The card tells how parts were made, from a folder whose parts belong together; the tool makes such a folder."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from dcac_fastreid.errors import InputError
from dcac_fastreid.synthetic import captions, card, parts, pretraining
from dcac_fastreid.synthetic.pretraining import PARTS, Schedule

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parent.parent.parent / "tools" / "pretrain_parts.py"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Little images, little training: what the tool does in seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining, "PARTS", {name: Schedule(2, 16, 1e-3) for name in PARTS})
        patch.setattr(pretraining, "IMAGES", 48)
        patch.setattr(card, "UNSEEN", 100)
        patch.setenv("DCAC_FASTREID_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def run_tool(*arguments) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [TOOL.name, *map(str, arguments)])
        try:
            runpy.run_path(str(TOOL), run_name="__main__")
        except SystemExit as stopped:
            return stopped.code
    return 0


@pytest.fixture(scope="module")
def made(small, tmp_path_factory):
    """The tool's folder of all parts; read it only."""
    folder = tmp_path_factory.mktemp("made")
    assert run_tool("--output", folder, "--seed", 5, "--device", "cpu") == 0
    return folder


def test_the_card_tells_how_the_parts_were_made_and_sampled(made):
    told = json.loads((made / card.CARD).read_text())
    for name in PARTS:
        record = json.loads((made / f"{name}.training.json").read_text())
        command = "python tools/pretrain_parts.py --seed 5 --device cpu"
        assert told["training"][name] == {"command": command, **record} and record["steps"] == 2
        assert told["sha256"][parts.FILES[name]] == parts.fingerprint(name, made)
    assert {"python", "torch", "diffusers", "commit"} <= set(told["versions"])
    assert told["sampled"] == {"captions": list(card.ASKED), "sampler": "DDIM", "seed": 0, "steps": 50, "guidance": 3.0}
    assert told["quality"]["pictures"] == "100 of web seed 1, unseen in training"
    for name, what in (("unet", "caption"), ("image_unet", "embedding")):
        errors = told["quality"][f"{name}_noise_error"]
        assert set(errors) == {f"own {what}", f"another's {what}", f"no {what}", "value"}
    assert Image.open(made / card.SAMPLES).size == (64 * len(card.ASKED), 128)
    assert Image.open(made / card.BACK).size == (64 * 12, 256)


def test_sampled_images_are_asked_for_in_words_that_have_a_number():
    assert len(captions.tokenize(card.ASKED)) == len(card.ASKED)  # an unknown word raises


def test_a_unet_is_trained_alone_and_the_others_stay(made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "parts")
    assert run_tool("--output", folder, "--parts", "image_unet", "--seed", 6, "--device", "cpu") == 0
    changed = {name for name, file in parts.FILES.items() if (folder / file).read_bytes() != (made / file).read_bytes()}
    assert changed == {"image_unet"}


def test_the_folder_of_the_image_unet_has_the_vae_of_the_other(made):
    one, two = (
        {file.name: file.read_bytes() for file in (made / name / "vae").iterdir()}
        for name in (parts.STABLE_DIFFUSION, parts.IMAGE_VARIATIONS)
    )
    assert one == two and b"_name_or_path" not in one["config.json"]


@pytest.mark.parametrize("name", ["clip", "vae"])
def test_a_card_is_refused_to_a_unet_that_learned_from_another_part(made, tmp_path, name):
    folder = shutil.copytree(made, tmp_path / "parts")
    with open(folder / parts.FILES[name], "ab") as file:
        file.write(b"another")
    with pytest.raises(InputError, match="unet in .*parts has learned from another CLIP or VAE than lies there"):
        card.write_card(folder, tmp_path, versions={})


@pytest.mark.parametrize("name", parts.CONDITION_WIDTHS)
def test_a_card_is_refused_to_a_unet_that_does_not_tell_from_what_it_learned(made, tmp_path, name):
    folder = shutil.copytree(made, tmp_path / "parts")
    record = folder / f"{name}.training.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), pretraining.SOURCES: None}))
    with pytest.raises(InputError, match=f"says trained_with_sha256 of {name}.training.json; train it again"):
        card.write_card(folder, tmp_path, versions={})


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        (["unet", "image_unet"], "clip and no vae"),
        (["clip", "image_unet"], "vae and no unet"),
        ([], "clip and no vae and no unet and no image_unet"),
    ],
)
def test_parts_that_lack_others_are_refused_before_anything_is_trained(small, tmp_path, capsys, names, lacks):
    assert run_tool("--output", tmp_path / "new", "--parts", *names) == 2
    assert f"{tmp_path / 'new'} has no {lacks}, and --parts" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_new_clip_needs_a_new_unet(made, capsys):
    before = (made / parts.FILES["clip"]).stat().st_mtime_ns
    assert run_tool("--output", made, "--parts", "clip", "unet") == 2
    told = "learned from another CLIP or VAE than --parts clip unet trains; add image_unet to --parts"
    assert told in capsys.readouterr().err
    assert run_tool("--output", made, "--parts", "vae") == 2
    assert "--parts vae trains; add unet image_unet to --parts" in capsys.readouterr().err
    assert (made / parts.FILES["clip"]).stat().st_mtime_ns == before
    pretraining.check_parts(["clip", "unet", "image_unet"], made)  # no error
    pretraining.check_parts(["image_unet"], made)
    pretraining.check_parts([], made)  # the card alone


def test_the_tools_help_names_its_arguments(capsys):
    assert run_tool("--help") == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("--output", "--parts", "--seed", "--device"))
