"""Who may import whom (DESIGN, "Who may import whom"), and what the import of the package costs."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dcac_fastreid"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
TOOLS = sorted(PACKAGE.parent.glob("tools/*.py"))

# Room -> rooms whose modules it may import.
ALLOWED = {
    "__init__": {"command_line", "late_host"},
    "__main__": {"commands"},
    "late_host": {"garbage_collection"},
    "plugin": {"conditioners", "config", "data", "dcac", "engine", "losses", "reid"},
    # The only importer of analysis, deploy, experiments, profiling and host_scripts.
    "commands": {
        "analysis",
        "checkpoint",
        "data",
        "deploy",
        "engine",
        "experiments",
        "host_scripts",
        "pages",
        "profiling",
        "shipped",
        "training_options",
    },
    "shipped": set(),
    "stand_ins": set(),
    "arguments": set(),
    "analysis": {"checkpoint", "conditioners", "config", "data", "dcac", "diffusion", "engine", "evaluation", "pages"},
    "garbage_collection": set(),
    "command_line": {"helper_processes"},
    "config": {"conditioners", "diffusion"},  # their lists of names
    "compat": {"checkpoint", "data", "evaluation"},
    "disk_room": set(),
    "distributed": {"command_line"},  # how a process ends
    "balance": set(),
    "dcac": {"balance", "reid", "conditioners", "diffusion"},
    "reid": {"losses"},
    "losses": set(),
    "many_weights": set(),
    "micro_batches": set(),
    "names": set(),
    "output_files": set(),
    "conditioners": set(),
    "diffusion": set(),
    "evaluation": set(),
    "checkpoint": {"config", "reid"},  # to build a model for a test
    "data": {"synthetic"},
    "deploy": {"checkpoint", "data", "engine", "evaluation", "pages", "shipped"},  # mAP of an exported file
    "synthetic": {"diffusion", "reid"},  # sampling; where the architecture of its small CLIP lies
    "engine": {
        "checkpoint",
        "conditioners",
        "config",
        "data",
        "dcac",
        "diffusion",
        "losses",
        "reid",
        "shipped",  # a config by its name
        "training_options",
        "telemetry",
    },
    "errors": set(),
    "file_rows": set(),
    "helper_processes": set(),
    "hub": set(),
    "json_files": set(),
    "lazy_names": set(),
    "experiments": {"checkpoint", "config", "data", "engine", "pages"},
    "pages": set(),
    "precision": set(),
    "quantities": set(),
    "profiling": {"data", "dcac", "diffusion", "engine", "evaluation", "reid"},
    "host_scripts": {"checkpoint", "compat", "config", "data", "engine", "reid", "shipped", "training_options"},
    "telemetry": {"conditioners"},
    "tensor_files": set(),
    "training_options": {"shipped"},
    "waiting": set(),
    "warn_once": set(),
    "wrong_files": set(),
}
ANYWHERE = {
    "arguments",
    "garbage_collection",
    "disk_room",
    "distributed",
    "errors",
    "file_rows",
    "helper_processes",
    "hub",
    "json_files",
    "lazy_names",
    "many_weights",
    "micro_batches",
    "names",
    "output_files",
    "precision",
    "quantities",
    "stand_ins",
    "tensor_files",
    "waiting",
    "warn_once",
    "wrong_files",
}  # what of a batch is this process's;
# what the user can fix; processes that end with this one; how results are written, names printed, weights read; the hub; locks;
# what is imported late
# The files that may import a heavy library.
DOORS = {
    "diffusers": {"diffusion/stable_diffusion.py", "synthetic/parts.py"},
    "fastapi": {"deploy/serve/application.py", "deploy/serve/server.py"},
    "faiss": {"evaluation/reciprocal.py"},
    "peft": {"diffusion/adaptation.py", "diffusion/adapted_layer.py"},
    "matplotlib": {"analysis/figures.py", "experiments/plots.py", "pages/sheet.py"},
    "jinja2": {"pages/template.py"},
    "onnx": {"deploy/export/onnx_file.py", "deploy/export/onnx_precision.py"},
    "onnxruntime": {
        "deploy/export/onnx_file.py",
        "deploy/export/onnx_precision.py",
        "deploy/without_torch/onnx_encoder.py",
    },
    "openvino": {"deploy/export/openvino_files.py"},
    "open_clip": {"reid/open_clip_models.py", "synthetic/parts.py"},
    "starlette": {"deploy/serve/application.py", "deploy/serve/guard.py"},
    "uvicorn": {"deploy/serve/server.py"},
    "pymilvus": {"deploy/search/milvus.py"},
    "pytorch_grad_cam": {"analysis/grad_cam.py"},
    "sklearn": {"analysis/embedding.py", "deploy/search/calibration.py"},
}
IMPORTED_BY_THE_HOST = {"faiss", "sklearn"}


# What runs, or may run, what a file says. Weights are read by the room tensor_files, which calls none of them.
RUNS_FILES = (
    "torch.load",
    "torch.jit.load",
    "torch.hub.load",
    "torch.package",
    "joblib.load",
    "torch._C.import_ir_module",
)
RUNNERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}  # modules


def room(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


@functools.cache
def imported(path: Path) -> set[str]:
    """Full names of what a module imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_rooms_import_downwards():
    for path in MODULES:
        ours = {name.split(".")[1] for name in imported(path) if name.startswith("dcac_fastreid.")}
        assert ours - ANYWHERE - {room(path)} <= ALLOWED[room(path)], path


# Inner room -> inner rooms that its modules import not; what stands above them in the same folder is below them all.
APART = {
    "data/readers": ("data/loading", "data/checks", "data/doctor"),
    "data/checks": ("data/loading", "data/doctor"),
    "data/loading": ("data/doctor",),
    "deploy/search": ("deploy/export",),
    "deploy/export": ("deploy/search",),
}


@pytest.mark.parametrize("inner", APART)
def test_inner_rooms_import_downwards(inner):
    outer = inner.split("/")[0]
    forbidden = tuple("dcac_fastreid." + other.replace("/", ".") + "." for other in APART[inner])
    for path in MODULES:
        if str(path).startswith(inner + "/"):
            assert not [name for name in imported(path) if name.startswith(forbidden)], path
    above = tuple(f"dcac_fastreid.{name.replace('/', '.')}." for name in APART if name.startswith(outer))
    for path in MODULES:
        if str(path.parent) == outer and path.name != "__init__.py":
            assert not [name for name in imported(path) if name.startswith(above)], path


@pytest.mark.parametrize("library", DOORS)
def test_heavy_libraries_have_one_door(library):
    users = {str(path) for path in MODULES if any(name.split(".")[0] == library for name in imported(path))}
    assert users == DOORS[library]


def test_importing_the_package_imports_no_heavy_library():
    late = ["dcac_fastreid.analysis", "dcac_fastreid.deploy", *DOORS.keys() - IMPORTED_BY_THE_HOST]
    check = f"import sys, dcac_fastreid; print([name for name in {late} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert finished.stdout.strip() == "[]", finished.stderr


def test_no_file_is_unpickled_or_compiled():
    for path in MODULES:
        text = (PACKAGE / path).read_text()
        calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        run = [call for call in calls if call.startswith(RUNS_FILES) or call.endswith("load_state_dict_from_url")]
        assert not run, path
        assert not {name.split(".")[0] for name in imported(path)} & RUNNERS, path
        assert "allow_pickle=True" not in text and "weights_only=False" not in text, path


def test_diffusers_reads_only_what_was_checked():
    """diffusers_layout.py reads every file with read_tensor_file first; the small parts come with the package."""
    users = {str(path) for path in MODULES if ".from_pretrained(" in (PACKAGE / path).read_text()}
    assert users == {"diffusion/diffusers_layout.py", "synthetic/parts.py"}


def test_real_paths_are_asked_of_os():
    """Path.resolve raises RuntimeError for links that lead to each other, before Python 3.13; os.path.realpath does not."""
    assert not [path for path in (*MODULES, *TOOLS) if ".resolve(" in (PACKAGE / path).read_text()]
