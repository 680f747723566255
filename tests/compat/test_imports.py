"""The host's import statements on today's Python and PyTorch."""

import collections
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import fastreid
from dcac_fastreid.compat import imports

HOST = Path(fastreid.__file__).parent
REPOSITORY = Path(imports.__file__).parents[2]
removed_mapping = pytest.mark.skipif(sys.version_info < (3, 10), reason="this Python still has collections.Mapping")
asks_for_six = pytest.mark.skipif(
    "torch._six" not in (HOST / "data" / "build.py").read_text(), reason="this fast-reid does not import torch._six"
)


def import_again(path, name):
    """Runs a host file as a fresh module, beside the one that is loaded."""
    spec = importlib.util.spec_from_file_location(name, HOST / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@removed_mapping
def test_host_needs_collections_mapping(monkeypatch):
    monkeypatch.delattr(collections, "Mapping")
    with pytest.raises(ImportError, match="cannot import name 'Mapping' from 'collections'"):
        import_again("evaluation/testing.py", "fastreid.evaluation.testing_again")
    imports.restore_collections_mapping()
    assert import_again("evaluation/testing.py", "fastreid.evaluation.testing_again").Mapping is collections.abc.Mapping


@asks_for_six
def test_host_needs_torch_six(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch._six")
    with pytest.raises(ModuleNotFoundError, match="No module named 'torch._six'"):
        import_again("data/build.py", "fastreid.data.build_again")
    imports.restore_torch_six()
    build = import_again("data/build.py", "fastreid.data.build_again")
    assert build.fast_batch_collator(["a.jpg", "b.jpg"]) == ["a.jpg", "b.jpg"]
    assert torch.equal(build.fast_batch_collator([1, 2]), torch.tensor([1, 2]))


def test_fast_face_needs_container_abcs(monkeypatch):
    """Its utils_amp.py asks for them, whatever fast-reid itself does."""
    monkeypatch.delitem(sys.modules, "torch._six", raising=False)
    with pytest.raises(ModuleNotFoundError, match="No module named 'torch._six'"):
        from torch._six import container_abcs  # noqa: F401
    imports.restore_torch_six()
    from torch._six import container_abcs

    assert isinstance([], container_abcs.Iterable) and isinstance({}, container_abcs.Mapping)


def test_missing_host_is_one_sentence_with_the_command():
    program = "import sys; sys.modules['fastreid'] = None; import dcac_fastreid; dcac_fastreid.load_config"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    sentence = "fast-reid is not installed: run `pip install --no-deps fastreid==1.4.0`."
    assert done.stderr.splitlines()[-1] == f"ImportError: {sentence}"
    assert "During handling" not in done.stderr


def test_folder_without_code_is_a_missing_host(monkeypatch, tmp_path):
    (tmp_path / "fastreid").mkdir()
    monkeypatch.delitem(sys.modules, "fastreid")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ImportError, match="pip install --no-deps fastreid==1.4.0"):
        imports.require_host()


def test_missing_dependency_of_the_host_keeps_its_own_error(monkeypatch, tmp_path):
    (tmp_path / "fastreid").mkdir()
    (tmp_path / "fastreid" / "__init__.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.delitem(sys.modules, "fastreid")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ModuleNotFoundError, match="No module named 'a_package_that_nobody_has'"):
        imports.require_host()
