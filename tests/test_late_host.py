"""`import dcac_fastreid` costs next to nothing, and fast-reid comes patched and with all registered, whatever is imported first."""

import subprocess
import sys

import pytest

from dcac_fastreid.late_host import LIGHT

HEAVY = "{'torch', 'torchvision', 'fastreid', 'numpy', 'PIL'} & set(sys.modules)"
REGISTERED = """
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from fastreid.modeling.backbones import BACKBONE_REGISTRY
from fastreid.data.datasets import DATASET_REGISTRY
import dcac_fastreid
assert META_ARCH_REGISTRY.get("DCAC") is dcac_fastreid.DCAC and "PrototypicalBaseline" in META_ARCH_REGISTRY._obj_map
assert "build_clip_vit_backbone" in BACKBONE_REGISTRY._obj_map and "DG_Market1501" in DATASET_REGISTRY._obj_map
"""
# All that may come first in a program.
FIRST = [
    pytest.param("import dcac_fastreid, fastreid", marks=pytest.mark.slow),  # as other tests of this file do it
    "import fastreid, dcac_fastreid",
    pytest.param("from dcac_fastreid import *", marks=pytest.mark.slow),
    pytest.param("from dcac_fastreid.reid.clip_vit import build_clip_vit_backbone", marks=pytest.mark.slow),
]


def run(code: str) -> str:
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_what_is_light_imports_no_heavy_library():
    modules = "".join(f", dcac_fastreid.{name}" for name in LIGHT if name != "plugin")
    assert run(f"import sys, dcac_fastreid{modules}; print({HEAVY})") == "set()"


@pytest.mark.parametrize("first", FIRST)
def test_all_is_registered_whatever_comes_first(first):
    assert run(f"import collections; {first}{REGISTERED}print(hasattr(collections, 'Mapping'))") == "True"


def test_every_module_is_executed_once():
    code = "import sys; from dcac_fastreid.engine.trainer import DCACTrainer as one; import dcac_fastreid, fastreid;"
    code += "print(one is dcac_fastreid.DCACTrainer, sys.modules['fastreid'].__spec__.origin == fastreid.__file__)"
    assert run(code + REGISTERED) == "True True"


def test_without_fast_reid_the_sentence_comes_each_time_it_is_needed():
    missing = """
import sys
sys.path[:] = [p for p in sys.path if "site-packages" not in p]
import dcac_fastreid
for _ in range(2):
    try:
        from dcac_fastreid import load_config
    except ImportError as error:
        print(error)
"""
    assert run(missing).splitlines() == 2 * ["fast-reid is not installed: run `pip install --no-deps fastreid==1.4.0`."]


def test_an_import_in_another_thread_does_not_wait_for_ever():
    code = """
import threading, time, dcac_fastreid
other = threading.Thread(target=lambda: __import__("torch"), daemon=True)
other.start()
time.sleep(0.2)
import fastreid
other.join(60)
print(other.is_alive())
"""
    assert run(code) == "False"


def test_looking_for_fast_reid_imports_nothing_and_breaks_nothing():
    code = "import sys, importlib.util, dcac_fastreid; spec = importlib.util.find_spec('fastreid');"
    code += "print(spec.origin.endswith('__init__.py'), 'fastreid' in sys.modules); import fastreid.engine;"
    code += "print(fastreid.engine.__name__, fastreid.__spec__.loader.__class__.__name__)"
    assert run(code).split() == ["True", "False", "fastreid.engine", "SourceFileLoader"]


@pytest.mark.parametrize("before", [pytest.param("", marks=pytest.mark.slow), "import fastreid;"])
def test_the_package_can_be_imported_anew(before):
    code = f"import sys, importlib, dcac_fastreid; {before} importlib.reload(dcac_fastreid); import fastreid;"
    code += "print(dcac_fastreid.DCACTrainer.__name__, [f for f in sys.meta_path if 'late_host' in type(f).__module__])"
    assert run(code) == "DCACTrainer []"
