"""Three host warnings are silent, and no other."""

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image

import fastreid
from dcac_fastreid.compat.warnings import silence_void_warnings
from fastreid.data.transforms.functional import to_tensor
from fastreid.utils import comm


def import_ranking(monkeypatch):
    """The host's ranking without its compiled extension."""
    monkeypatch.setitem(sys.modules, "fastreid.evaluation.rank_cylib.rank_cy", None)
    path = Path(fastreid.__file__).parent / "evaluation" / "rank.py"
    spec = importlib.util.spec_from_file_location("fastreid.evaluation.rank", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def load_an_image(monkeypatch):
    monkeypatch.setattr(torch.storage._warn_typed_storage_removal, "has_warned", False, raising=False)
    to_tensor(Image.new("RGB", (2, 4)))


def shown(patched, action, monkeypatch):
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        if patched:
            silence_void_warnings()
        action(monkeypatch)
    return [str(warning.message) for warning in record]


def tell_other_processes(monkeypatch):
    monkeypatch.setattr(torch.storage._warn_typed_storage_removal, "has_warned", False, raising=False)
    monkeypatch.setattr("torch.distributed.get_backend", lambda group: "gloo")
    comm._serialize_to_tensor(1, None)


ACTIONS = [(import_ranking, "Cython rank"), (load_an_image, "TypedStorage"), (tell_other_processes, "TypedStorage")]


@pytest.mark.parametrize("action, words", ACTIONS)
def test_host_warning_is_silent_only_with_the_patch(monkeypatch, action, words):
    assert [message for message in shown(False, action, monkeypatch) if message.startswith(words)]
    assert shown(True, action, monkeypatch) == []


def test_the_same_words_from_elsewhere_are_shown(monkeypatch):
    def warn_here(_):
        warnings.warn("TypedStorage is deprecated", UserWarning, stacklevel=1)

    assert shown(True, warn_here, monkeypatch) == ["TypedStorage is deprecated"]
