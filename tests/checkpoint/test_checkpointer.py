import pytest
import torch
from torch import nn

from dcac_fastreid.checkpoint import StrictCheckpointer
from fastreid.utils.checkpoint import Checkpointer


def half(data, stream):
    stream.write(b"the first half")
    raise OSError(28, "No space left on device")


@pytest.fixture
def folder(tmp_path):
    """With one checkpoint, model_0000.pth."""
    StrictCheckpointer(nn.Linear(2, 3), str(tmp_path)).save("model_0000", epoch=0)
    return tmp_path


def test_a_save_that_fails_leaves_what_was_there(folder, monkeypatch):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(ValueError, match=r"model_0000.pth could not be written \(.*No space left.*--resume"):
        StrictCheckpointer(nn.Linear(2, 3), str(folder)).save("model_0000", epoch=1)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_fast_reids_own_save_destroys_the_old_file(folder, monkeypatch):
    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(OSError):
        Checkpointer(nn.Linear(2, 3), str(folder)).save("model_0000")
    assert (folder / "model_0000.pth").read_bytes() == b"the first half"


def test_a_written_file_is_not_the_one_to_resume_from(folder):
    checkpointer = StrictCheckpointer(nn.Linear(2, 3), str(folder))
    checkpointer.write("model_best", metric=12.5)
    assert (folder / "last_checkpoint").read_text() == "model_0000.pth"
    assert checkpointer.saved_metric("model_best") == 12.5
    assert checkpointer.saved_metric("model_other") is None


def test_what_is_saved_is_loaded(tmp_path):
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25, momentum=0.9)
    StrictCheckpointer(model, str(tmp_path), optimizer=optimizer).save("model_final", epoch=7)
    again = torch.optim.SGD(other.parameters(), lr=1.0, momentum=0.9)
    extra = StrictCheckpointer(other, str(tmp_path), optimizer=again).resume_or_load("", resume=True)
    assert extra["epoch"] == 7 and again.param_groups[0]["lr"] == 0.25
    assert torch.equal(model.weight, other.weight)
