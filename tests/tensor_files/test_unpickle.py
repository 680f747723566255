"""Weights are read, and nothing that a file names is run, or even imported: not through any loader of this folder."""

import collections
import os
import pickle
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_tensor_file

WEIGHTS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.ones(2, dtype=torch.float16)}


class Reduced:
    """Pickles as: call this function with these arguments."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that writes tmp_path/sprung when it is imported, and a class of it that does so when its state is set."""
    text = f"""
    from pathlib import Path
    spring = lambda: Path({str(tmp_path / "sprung")!r}).touch()
    spring()
    class Trap:
        def __getstate__(self):
            return {{"armed": True}}
        def __setstate__(self, state):
            spring()
    class TrappedDict(dict):
        def __setitem__(self, key, value):
            spring()
    """
    (tmp_path / "trap_module.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    import trap_module

    yield trap_module
    sys.modules.pop("trap_module", None)


def malicious(kind: str, marker: Path, trap):
    """An object whose unpickling creates the marker."""
    code = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": lambda: Reduced(os.system, f"touch {marker}"),
        "eval": lambda: Reduced(eval, f"open({str(marker)!r}, 'w')"),
        "exec": lambda: Reduced(exec, code),
        "a method": lambda: Reduced(Path.touch, marker),  # pickled as a call of getattr
        "nested": lambda: Reduced(list, [Reduced(exec, code)]),
        "an import": lambda: Reduced(__import__, trap.__name__),
        "__setstate__": trap.Trap,
        "an item": lambda: trap.TrappedDict(a=1),
    }[kind]()


KINDS = ["os.system", "eval", "exec", "a method", "nested", "an import", "__setstate__", "an item"]
PLACES = {
    "alone": lambda evil: evil,
    "beside the weights": lambda evil: {"state_dict": WEIGHTS, "callbacks": {"last": [evil]}},
    "as a weight": lambda evil: {"state_dict": WEIGHTS | {"conv_in.weight": evil, "model.diffusion_model.a": evil}},
    "as a key": lambda evil: {**WEIGHTS, ("x", evil): 1},
}
READERS = {
    "read_tensor_file": lambda file, folder: read_tensor_file(file),
    "denoiser, one file": lambda file, folder: stable_diffusion.load_denoiser(file),
    "encoder, one file": lambda file, folder: stable_diffusion.load_encoder(file),
    "denoiser, folder": lambda file, folder: stable_diffusion.load_denoiser(put(file, folder, "unet")),
    "encoder, folder": lambda file, folder: stable_diffusion.load_encoder(put(file, folder, "vae")),
}


def put(file: Path, folder: Path, part: str) -> Path:
    """The folder with the file in place of a part's weights, as `.bin`."""
    (folder / part / "diffusion_pytorch_model.safetensors").unlink()
    shutil.copy(file, folder / part / "diffusion_pytorch_model.bin")
    return folder


def attempt(reader: str, file: Path, folder: Path) -> None:
    """Reads; being refused in one sentence is as good as ending."""
    try:
        READERS[reader](file, folder)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_malicious_pickle_does_not_run(kind, reader, sd_folder, tmp_path, trap):
    marker, file = tmp_path / "sprung", tmp_path / "sd.ckpt"
    folder = shutil.copytree(sd_folder, tmp_path / "folder")
    for place, arrange in PLACES.items():
        for new_format in (True, False):
            if place == "as a key" and kind == "an item":
                continue  # a dictionary is no key
            torch.save(arrange(malicious(kind, marker, trap)), file, _use_new_zipfile_serialization=new_format)
            marker.unlink(missing_ok=True)
            attempt(reader, file, shutil.copytree(folder, tmp_path / "copy"))
            shutil.rmtree(tmp_path / "copy")
            assert not marker.exists(), (place, new_format)
    file.write_bytes(
        pickle.dumps(malicious(kind, marker, trap))
    )  # without torch's archive, in Python's newest protocol
    attempt(reader, file, folder)
    assert not marker.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_malicious_pickles_are_malicious(kind, tmp_path, trap):
    """Else the test above would prove nothing."""
    torch.save({"state_dict": {"a": malicious(kind, tmp_path / "sprung", trap)}}, tmp_path / "sd.ckpt")
    (tmp_path / "sprung").unlink()  # made by the import
    del sys.modules["trap_module"]
    torch.load(tmp_path / "sd.ckpt", weights_only=False)
    assert (tmp_path / "sprung").exists()


def test_a_named_module_is_not_even_imported(tmp_path, trap):
    torch.save({"state_dict": WEIGHTS, "callback": trap.Trap}, tmp_path / "sd.ckpt")
    del sys.modules["trap_module"]
    (tmp_path / "sprung").unlink()
    assert torch.equal(read_tensor_file(tmp_path / "sd.ckpt")["state_dict"]["b"], WEIGHTS["b"])
    assert "trap_module" not in sys.modules and not (tmp_path / "sprung").exists()


# -- what a real `.ckpt` holds beside the weights --


@pytest.fixture
def lightning(monkeypatch):
    """Classes of pytorch_lightning and omegaconf as a checkpoint names them; gone when it is read."""
    made = {}
    for module, name, base in (
        ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint", object),
        ("lightning_fabric.utilities.data", "AttributeDict", dict),
        ("omegaconf.dictconfig", "DictConfig", object),
    ):
        made[name] = type(name, (base,), {"__module__": module})
        for dot in [place for place, letter in enumerate(module + ".") if letter == "."]:
            monkeypatch.setitem(sys.modules, module[:dot], type(sys)(module[:dot]))
        setattr(sys.modules[module], name, made[name])
    return made


def test_training_callbacks_are_skipped(lightning, tmp_path, monkeypatch):
    config = lightning["DictConfig"]()
    config.content = {"lr": 1e-4, "_flags": collections.defaultdict(list)}
    content = {
        "epoch": 3,
        "state_dict": collections.OrderedDict(WEIGHTS),
        "callbacks": {lightning["ModelCheckpoint"]: {"best_model_score": torch.tensor(0.5), "dirpath": Path("a/b")}},
        "hyper_parameters": lightning["AttributeDict"](base_lr=1e-4, config=config),
        "lr_schedulers": [{"last_lr": [np.float64(1e-4)], "table": np.arange(3)}],
    }
    torch.save(content, tmp_path / "sd.ckpt")
    for name in [
        name for name in sys.modules if name.startswith(("pytorch_lightning", "lightning_fabric", "omegaconf"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    read = read_tensor_file(tmp_path / "sd.ckpt")
    assert read["epoch"] == 3 and list(read["state_dict"]) == list(WEIGHTS)
    assert all(torch.equal(read["state_dict"][name], weight) for name, weight in WEIGHTS.items())
    assert all(type(key).__module__.startswith("dcac_fastreid.tensor_files") for key in read["callbacks"])


def test_nothing_stays_allowed_afterwards(lightning, tmp_path):
    torch.save({"callback": lightning["ModelCheckpoint"]}, tmp_path / "sd.ckpt")
    before = set(torch.serialization.get_safe_globals())
    read_tensor_file(tmp_path / "sd.ckpt")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "sd.ckpt", weights_only=True)


def test_a_refusal_tells_reason_and_counterpart(tmp_path):
    torch.save({"a": Reduced(os.system, "true")}, tmp_path / "sd.ckpt")
    with pytest.raises(
        InputError, match=r"sd.ckpt .*asks for (posix|nt).system to be run.*nothing was run\); .*or its .safetensors"
    ):
        read_tensor_file(tmp_path / "sd.ckpt")
    save_file(WEIGHTS, tmp_path / "sd.safetensors")
    with pytest.raises(InputError, match="to be run.*use .*/sd.safetensors, which holds tensors alone"):
        read_tensor_file(tmp_path / "sd.ckpt")


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "before 1.6"])
def test_ordinary_files_are_read(tmp_path, new_format):
    torch.save(WEIGHTS, tmp_path / "a.bin", _use_new_zipfile_serialization=new_format)
    save_file(WEIGHTS, tmp_path / "a.safetensors")
    for name in ("a.bin", "a.safetensors"):
        read = read_tensor_file(tmp_path / name)
        assert all(torch.equal(read[key], WEIGHTS[key]) and read[key].dtype == WEIGHTS[key].dtype for key in WEIGHTS)


@pytest.mark.parametrize("name", ["a.ckpt", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK", b"<html>not found</html>", b"\x80\x02}q\x00."], ids=repr)
def test_no_weights_at_all(tmp_path, name, content):
    """The release's own download command gives a page of HTML."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} cannot be read as weights \(.+\)"):
        read_tensor_file(tmp_path / name)


def test_a_tensor_alone_is_no_file_of_weights(tmp_path):
    torch.save(torch.ones(3), tmp_path / "a.ckpt")
    with pytest.raises(InputError, match="holds a Tensor; expected weights by name"):
        read_tensor_file(tmp_path / "a.ckpt")
