"""Nothing but tensors is unpickled, by any loader of weights; what cannot be read so says why."""

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import dcac_fastreid
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.checkpoint.released import convert
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.tensor_files import is_torchscript, read_state_dict, read_tensor_file

from .malicious import WritesAFile


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


class Plain(torch.nn.Linear):
    """A TorchScript archive of weights alone."""


def script(module, file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module).save(file)


def pickled(file, marker):
    torch.save({"model": {"weight": torch.zeros(1)}, "callback": Malicious(marker)}, file)


def pickled_in_the_old_format(file, marker):
    torch.save({"weight": torch.zeros(1), "x": Malicious(marker)}, file, _use_new_zipfile_serialization=False)


def plain_pickle(file, marker):
    file.write_bytes(pickle.dumps(Malicious(marker), 2))


def torchscript(file, marker):
    script(WritesAFile(), file)


def pickle_in_a_torchscript(file, marker):
    """An archive of weights whose data.pkl was replaced."""
    script(Plain(2, 3), file.with_suffix(".whole"))
    with zipfile.ZipFile(file.with_suffix(".whole")) as whole, zipfile.ZipFile(file, "w") as archive:
        for name in whole.namelist():
            evil = pickle.dumps(Malicious(marker), 2) if name.endswith("/data.pkl") else whole.read(name)
            archive.writestr(name, evil)


def as_clip(file, make_cfg, tmp_path):
    load_image_tower(CLIPViT("synthetic-ViT-16", (64, 64)).tower, str(file), interpolation="bilinear")


def as_released(file, make_cfg, tmp_path):
    convert(file, image_size=(256, 128))


def as_checkpoint_to_export(file, make_cfg, tmp_path):
    export_weights(make_cfg("ma_ms.yml", "MODEL.WEIGHTS", str(file)), tmp_path / "exported")


def as_checkpoint_to_test(file, make_cfg, tmp_path):
    dcac_fastreid.load_for_testing(make_cfg("ma_ms.yml", "MODEL.WEIGHTS", str(file)))


def alone(file, make_cfg, tmp_path):
    read_tensor_file(file)


@pytest.mark.parametrize(
    "loader", [alone, as_clip, as_released, as_checkpoint_to_export, as_checkpoint_to_test], ids=lambda f: f.__name__
)
@pytest.mark.parametrize(
    "make",
    [pickled, pickled_in_the_old_format, plain_pickle, torchscript, pickle_in_a_torchscript],
    ids=lambda f: f.__name__,
)
def test_a_malicious_file_is_refused_and_does_not_run(make, loader, make_cfg, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "weights.pt", Path("marker"))
    with pytest.raises(InputError, match=r"weights\.pt"):
        loader(tmp_path / "weights.pt", make_cfg, tmp_path)
    assert not Path("marker").exists()


def test_these_files_do_run_where_they_are_trusted(tmp_path, monkeypatch):
    """Else the test above would hold for any loader."""
    monkeypatch.chdir(tmp_path)
    for make in (pickled, pickled_in_the_old_format):
        make(Path("weights.pt"), Path("marker"))
        torch.load("weights.pt", weights_only=False)
        Path("marker").rmdir()
    torchscript(Path("weights.pt"), None)
    assert not Path("marker").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.load("weights.pt")
    assert Path("marker").exists(), "torch.jit.load runs no method, it is said; __setstate__ it does"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".bin", ".jit"])
@pytest.mark.parametrize("size", [0, 1, 100, 0.5, 0.9])
def test_a_damaged_file_is_said_to_be_damaged(suffix, size, tmp_path):
    file = tmp_path / f"weights{suffix}"
    weights = {"weight": torch.randn(50, 50)}
    if suffix == ".safetensors":
        save_file(weights, file)
    elif suffix == ".jit":
        script(Plain(50, 50), file)
    else:
        torch.save(weights, file, _use_new_zipfile_serialization=suffix == ".pt")
    content = file.read_bytes()
    file.write_bytes(content[: int(size * len(content)) if isinstance(size, float) else size])
    with pytest.raises(InputError, match="weights.* cannot be read as weights"):
        read_tensor_file(file)


def test_whatever_torch_saves_of_tensors_is_read(tmp_path):
    weights = {"a.weight": torch.randn(3, 2), "steps": torch.tensor(7)}
    save_file(weights, tmp_path / "0.safetensors")
    torch.save(weights, tmp_path / "1.pt")
    torch.save(weights, tmp_path / "2.bin", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in weights.items()}}, tmp_path / "3.pt")
    torch.save({"model": weights, "optimizer": {"state": {0: {"step": torch.zeros(1)}}}}, tmp_path / "4.pth")
    for file in sorted(tmp_path.iterdir()):
        read = read_state_dict(file)
        assert read.keys() == weights.keys() and all(torch.equal(read[key], weights[key]) for key in weights), file.name


def test_a_torchscript_of_weights_is_read(tmp_path):
    module = Plain(2, 3)
    script(module, tmp_path / "model.pt")
    assert is_torchscript(tmp_path / "model.pt")
    torch.testing.assert_close(read_state_dict(tmp_path / "model.pt"), dict(module.state_dict()))


def test_what_holds_no_weights_is_refused(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    torch.save({"epoch": 3}, tmp_path / "epoch.pt")
    with pytest.raises(InputError, match="holds a list"):
        read_state_dict(tmp_path / "list.pt")
    with pytest.raises(InputError, match="holds no weights"):
        read_state_dict(tmp_path / "epoch.pt")
    with pytest.raises(InputError, match="no file"):
        read_state_dict(tmp_path / "none.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_tensor_whose_numbers_are_not_those_stored_is_refused_with_the_reason(zipped, tmp_path):
    marked = torch.randn(2, dtype=torch.complex64).conj()
    tensors = {
        "is a tensor that is marked as conj": marked,
        "is a tensor that is marked as conjugated or neg": marked.imag,
        "repeats the 4 numbers": torch.randn(1, 4).expand(3, 4),
    }
    for sentence, tensor in tensors.items():
        torch.save({"a.weight": tensor}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match=sentence):
            read_state_dict(tmp_path / "a.pt")
