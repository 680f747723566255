"""Archives that run code in PyTorch's own readers run none here, by whatever door and under whatever suffix they come."""

import pickle
import shutil
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.checkpoint import StrictCheckpointer, carried_config, marks
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.checkpoint.released import convert
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.tensor_files import is_torchscript, read_state_dict, read_tensor_file

from .malicious import WritesAFile

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")


class Names:
    """Pickles as: call this name."""

    def __reduce__(self):
        return Path.touch, (Path("marker"),)


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> dict[str, bytes]:
    """The records of an archive that runs code, by their names below its folder."""
    file = tmp_path_factory.mktemp("script") / "script.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(WritesAFile()).save(str(file))
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def write(file: Path, records) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # of duplicate names
        for name, content in records:
            archive.writestr(f"a/{name}", content)
    return file


def renamed(records, change) -> list[tuple[str, bytes]]:
    return [(change(name), content) for name, content in records.items()]


EVIL = pickle.dumps({"a": Names()}, 2)
ARCHIVES = {
    "as it is": lambda records: list(records.items()),
    "Code": lambda records: renamed(records, lambda name: name.replace("code/", "Code/")),
    "CODE": lambda records: renamed(records, lambda name: name.replace("code/", "CODE/").replace(".py", ".PY")),
    "Data.pkl": lambda records: renamed(records, lambda name: name.replace("data.pkl", "Data.pkl")),
    "Constants.pkl": lambda records: renamed(records, lambda name: name.replace("code/", "cOde/").title()),
    "two data.pkl": lambda records: [*records.items(), ("data.pkl", EVIL)],
    "two cases of data.pkl": lambda records: [("DATA.pkl", EVIL), *records.items()],
    "two cases of code": lambda records: [*records.items(), *renamed(records, str.upper)],
    "without constants.pkl": lambda records: [pair for pair in records.items() if pair[0] != "constants.pkl"],
    "tensors in .data": lambda records: renamed(records, lambda name: name.replace("data/", ".data/")),
    "constants.pkl that names code": lambda records: [*{**records, "constants.pkl": EVIL}.items()],
    "torch.classes": lambda records: [
        *{
            **records,
            "data.pkl": records["data.pkl"].replace(b"__torch__.test", b"__torch__.torch.classes.test"),
            "Code/__torch__/torch/classes.py": b"x",
        }.items()
    ],
}


def doors(file: Path, make_cfg, sd_folder, folder: Path):
    """What reads files of weights, each to be called."""
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.WEIGHTS", str(file))
    diffusers = {part: shutil.copytree(sd_folder, folder / part) for part in ("unet", "vae")}
    for part, copy in diffusers.items():
        (copy / part / "diffusion_pytorch_model.safetensors").unlink()
        shutil.copy(file, copy / part / "diffusion_pytorch_model.bin")
    (folder / "run").mkdir()
    shutil.copy(file, folder / "run" / "model_0000.pth")
    run = StrictCheckpointer(torch.nn.Linear(1, 1), str(folder / "run"))
    tower = CLIPViT("synthetic-ViT-16", (64, 64)).tower
    return {
        "read_tensor_file": lambda: read_tensor_file(file),
        "read_state_dict": lambda: read_state_dict(file),
        "is_torchscript": lambda: is_torchscript(file),
        "CLIP": lambda: load_image_tower(tower, str(file), interpolation="bilinear"),
        "convert_checkpoint": lambda: convert(file, image_size=(256, 128)),
        "export_weights": lambda: export_weights(cfg, folder / "exported"),
        "evaluation": lambda: dcac_fastreid.load_for_testing(cfg),
        "FeatureExtractor, search, export_model": lambda: dcac_fastreid.FeatureExtractor(file),
        "MODEL.WEIGHTS": lambda: run.load(str(file)),
        "resume": lambda: run.resume_or_load("", resume=True),
        "marks": lambda: marks(str(file), ["MSMT17"]),
        "carried config": lambda: carried_config(file),
        "U-Net, one file": lambda: stable_diffusion.load_denoiser(file),
        "VAE, one file": lambda: stable_diffusion.load_encoder(file),
        "U-Net, folder": lambda: stable_diffusion.load_denoiser(diffusers["unet"]),
        "VAE, folder": lambda: stable_diffusion.load_encoder(diffusers["vae"]),
    }


FAST = [*((kind, ".pth") for kind in ARCHIVES), *(("as it is", suffix) for suffix in SUFFIXES if suffix != ".pth")]
ALL = [(kind, suffix) for kind in ARCHIVES for suffix in SUFFIXES]


@pytest.mark.parametrize(
    ("kind", "suffix"), [*FAST, *(pytest.param(*each, marks=pytest.mark.slow) for each in ALL if each not in FAST)]
)
def test_no_door_runs_what_an_archive_carries(kind, suffix, script, make_cfg, sd_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / f"weights{suffix}", ARCHIVES[kind](script))
    for name, read in doors(file, make_cfg, sd_folder, tmp_path).items():
        try:
            read()
        except InputError as error:
            assert "\n" not in str(error), name
        except FileNotFoundError:  # of the whole training, where a file of another kind is missing
            raise AssertionError(name) from None
        else:
            assert name in ("is_torchscript", "marks"), f"{name} took it"
        assert not Path("marker").exists(), name


def test_the_archives_do_run_code(script, tmp_path, monkeypatch):
    """Else the test above would prove nothing."""
    monkeypatch.chdir(tmp_path)
    for kind in ("as it is", "Code", "CODE", "two cases of code"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.load(str(write(tmp_path / "weights.pt", ARCHIVES[kind](script))))
        assert Path("marker").exists(), kind
        Path("marker").unlink()
