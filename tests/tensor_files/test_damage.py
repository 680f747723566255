"""A flipped bit is noticed wherever the file has a checksum, and a file that is something else is called that."""

import logging
import tarfile
import warnings
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from dcac_fastreid.checkpoint import StrictCheckpointer
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_tensor_file


class Half(torch.nn.Module):
    """A small tower in fp16 with a plain tensor beside its weights, as OpenAI's file has them."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 2).half()
        self.layers = torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Linear(4, 4).half(), torch.nn.BatchNorm1d(4))
        self.register_buffer("input_resolution", torch.tensor(224))
        self.mask = torch.zeros(3)  # no part of the state dict
        self.sizes = [1, 2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mask


def scripted(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Half()).save(str(file))


def traced(file):
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Sequential(torch.nn.Linear(2, 2))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, torch.randn(4, 2)).save(str(file))


def checkpoint(file):
    model = torch.nn.Linear(2, 3)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(1, 2)).sum().backward()
    optimizer.step()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, file)


def weights(file):
    torch.save({"a": torch.randn(40), "b": torch.arange(3)}, file)


def flat(content, prefix=""):
    """Tensors as bytes and all other values, by their places."""
    if isinstance(content, dict | list | tuple):
        entries = content.items() if isinstance(content, dict) else enumerate(content)
        return {place: leaf for key, value in entries for place, leaf in flat(value, f"{prefix}{key}/").items()}
    if isinstance(content, torch.Tensor):
        content = (
            content.dtype,
            tuple(content.shape),
            content.contiguous().flatten().view(torch.uint8).numpy().tobytes(),
        )
    return {prefix: content}


@pytest.mark.parametrize("make", [scripted, traced])
def test_a_torchscript_is_read_as_pytorch_reads_it(make, tmp_path):
    make(tmp_path / "a.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.jit.load(str(tmp_path / "a.pt")).state_dict()
    assert flat(dict(read_tensor_file(tmp_path / "a.pt"))) == flat(dict(theirs))


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    "make, step", [(weights, 5), (checkpoint, 7), pytest.param(scripted, 3, marks=pytest.mark.slow), (scripted, 41)]
)
def test_no_flipped_bit_changes_what_is_read(make, step, mapped, tmp_path):
    """Refused, or of no matter: the padding between records, the date of one."""
    file = tmp_path / "a.pt"
    make(file)
    whole, expected = file.read_bytes(), flat(read_tensor_file(file))
    refused = 0
    for place in range(0, len(whole), step):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            assert flat(read_tensor_file(file, mapped=mapped)) == expected, place
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 30


def test_every_bit_of_a_weight_counts(tmp_path):
    file = tmp_path / "a.pt"
    weights(file)
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        begin = whole.index(archive.read("a/data/0"))
    for bit in range(0, 40 * 32, 7):
        place = begin + bit // 8
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit % 8]) + whole[place + 1 :])
        with pytest.raises(InputError, match="record data/0 is damaged: its checksum is another"):
            read_tensor_file(file)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_a_resume_goes_on_from_the_checkpoint_before_a_damaged_one(place, tmp_path, caplog):
    model = torch.nn.Linear(30, 30)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(1, 30)).sum().backward()
    optimizer.step()
    checkpointer = StrictCheckpointer(model, str(tmp_path), optimizer=optimizer)
    for epoch in (0, 1):
        checkpointer.save(f"model_000{epoch}", epoch=epoch)
    file = tmp_path / "model_0001.pth"
    whole = bytearray(file.read_bytes())
    whole[int(place * len(whole))] ^= 64
    file.write_bytes(whole)
    assert checkpointer.resume_or_load("", resume=True)["epoch"] == 0
    assert "model_0001.pth cannot be read as weights" in caplog.text and "is damaged" in caplog.text


def test_an_archive_without_checksums_is_read_with_a_note(tmp_path, caplog):
    torch.serialization.set_crc32_options(False)
    try:
        weights(tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    with caplog.at_level(logging.WARNING):
        assert read_tensor_file(tmp_path / "a.pt")["b"].tolist() == [0, 1, 2]
    assert "was written without checksums" in caplog.text


# -- files that hold no weights --

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"
ELSE = {
    "a Git LFS pointer": lambda file: file.write_text(LFS),
    "an HTML page": lambda file: file.write_text("\n <!DOCTYPE html>\n<html><body>Sign in</body></html>"),
    "is empty": lambda file: file.write_bytes(b""),
    "a text file": lambda file: file.write_text("Größe: 3\n" * 500),
    "a zip archive of other things .readme.txt": lambda file: archive(file),
    "a tar archive": lambda file: tar(file),
    "an image": lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99)),
    "begins as no file of weights": lambda file: file.write_bytes(bytes(range(1, 200))),
}


def archive(file):
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("notes/readme.txt", "read me")


def tar(file):
    with tarfile.open(file, "w") as made:
        made.add(__file__, "test.py")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".safetensors"])
@pytest.mark.parametrize("what", ELSE)
def test_what_is_no_file_of_weights_is_called_what_it_is(what, suffix, tmp_path):
    file = tmp_path / f"weights{suffix}"
    ELSE[what](file)
    if suffix == ".safetensors" and what.startswith(("a zip", "begins")):
        what = "no safetensors file"
    with pytest.raises(InputError, match=rf"weights{suffix} cannot be read as weights \(.*{what}"):
        read_tensor_file(file)


def test_a_folder_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder; name a file"):
        read_tensor_file(tmp_path)
    with pytest.raises(InputError, match="there is no file"):
        read_tensor_file(tmp_path / "none.pt")


def test_a_whole_model_is_called_that(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pt")
    with pytest.raises(
        InputError, match=r"an object of the class torch.nn.modules.linear.Linear.*save its state_dict\(\)"
    ):
        read_tensor_file(tmp_path / "a.pt")


def test_a_safetensors_under_another_suffix_is_said_to_be_one(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(InputError, match="is a safetensors file: name it a.safetensors"):
        read_tensor_file(tmp_path / "a.pt")
