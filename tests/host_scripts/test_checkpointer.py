"""How a script loads checkpoints; missing and damaged files are in tests/test_main.py."""

import pytest
import torch
from torch import nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.checkpointer import ScriptCheckpointer


@pytest.fixture
def model():
    model = nn.Module()
    model.backbone, model.heads = nn.Linear(3, 2), nn.Linear(2, 2)
    return model


def test_a_head_that_fits_is_not_enough(model, tmp_path):
    weights = {"heads.weight": torch.ones(2, 2), "backbone.other": torch.ones(3)}
    torch.save({"model": weights}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="none of the weights of the model's backbone"):
        ScriptCheckpointer(model).load(str(tmp_path / "other.pth"))


def test_a_part_is_loaded_as_fast_reid_does(model, tmp_path):
    """A backbone trained elsewhere; and a part of a model, which has no backbone."""
    torch.save({"model": {"backbone.weight": torch.ones(2, 3), "bias": torch.ones(2)}}, tmp_path / "part.pth")
    for module, loaded in ((model, model.backbone.weight), (model.heads, model.heads.bias)):
        ScriptCheckpointer(module).load(str(tmp_path / "part.pth"))
        assert (loaded == 1).all()
    empty = nn.Module()
    ScriptCheckpointer(empty).load(str(tmp_path / "part.pth"))


def test_without_a_file_a_script_may_train_but_not_test(model, tmp_path):
    checkpointer = ScriptCheckpointer(model, str(tmp_path))
    assert checkpointer.resume_or_load("", resume=True) == {}
    with pytest.raises(InputError, match="add MODEL.WEIGHTS"):
        checkpointer.load("")


@pytest.mark.parametrize("name", ["nowhere.pth", "https://example.com/model.pth"])  # fast-reid fetches no addresses
def test_a_checkpoint_that_is_not_there(name, model):
    with pytest.raises(InputError, match=f"there is no checkpoint {name}; set MODEL.WEIGHTS"):
        ScriptCheckpointer(model).load(name)
