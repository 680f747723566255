"""What a script takes from fast-reid by name, while dcac_fastreid runs it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module

import fastreid.evaluation
from dcac_fastreid.evaluation import evaluate_rank

# Name in the host, and what a script meets under it; any version.
NAMES = (
    (
        "config.defaults._C",
        "fastreid/config/config.py:156 (get_cfg) copies it. A script calls get_cfg() and merges its file: KeyError at our "
        'keys; MODEL.DEVICE "cuda" (config/defaults.py:23) without a GPU: RuntimeError or AssertionError.',
    ),
    (
        "engine.defaults.default_setup",
        "fastreid/engine/defaults.py:84 writes config.yaml and log.txt into OUTPUT_DIR, whoever else is at work there.",
    ),
    (
        "engine.defaults.DefaultTrainer",
        "fastreid/engine/defaults.py:157 knows no prototypes, no diffusion branch and no exact resuming.",
    ),
    (
        "engine.defaults.DefaultPredictor",
        "fastreid/engine/defaults.py:154 gives features of any length; demo/visualize_result.py takes their products for "
        "cosines, and ranks by them.",
    ),
    (
        "engine.launch.launch",
        "fastreid/engine/launch.py:77 asserts in the processes that it has started that there are so many GPUs.",
    ),
    (
        "modeling.meta_arch.build.build_model",
        "fastreid/modeling/meta_arch/build.py:18 hands MODEL.BACKBONE.PRETRAIN_PATH synthetic:NAME on as a path; an "
        "architecture, backbone or head that nobody has registered: KeyError.",
    ),
    (
        "solver.build.build_optimizer",
        "fastreid/solver/build.py:180 returns a pair, which tools/plain_train_net.py takes for an optimizer: TypeError. "
        "PyTorch >= 2.0: its contiguous parameters never change, see solver.keep_parameters_separate.",
    ),
    (
        "solver.build.build_lr_scheduler",
        "fastreid/solver/build.py:312 knows two names of SOLVER.SCHED: KeyError at ours.",
    ),
    (
        "data.build.build_reid_train_loader",
        "fastreid/data/build.py:74 reads below a folder that was settled at import (:27), not below DATASETS.ROOT; a batch "
        "that DATALOADER.NUM_INSTANCE does not divide, or that has too few identities, loops for ever; a data set that is not "
        "there or has no such name: RuntimeError or KeyError.",
    ),
    (
        "data.build.build_reid_test_loader",
        "fastreid/data/build.py:124: the same folder; it starts four processes whatever DATALOADER.NUM_WORKERS says.",
    ),
    (
        "utils.checkpoint.Checkpointer",
        "fastreid/utils/checkpoint.py:120 ends in an AssertionError, UnpicklingError or KeyError at a file that is missing, "
        "damaged or of another kind, and takes one in which no weight fits, with warnings in the log.",
    ),
    (
        "utils.visualizer.Visualizer",
        "fastreid/utils/visualizer.py:54 adds 1 to max_rank, which demo/visualize_result.py hands on as it stands on the "
        "command line: TypeError.",
    ),
)


@contextmanager
def replace_names(ours: Mapping[str, object]) -> Iterator[None]:
    """Until it ends, every loaded module of the host that has one of NAMES has ours; and what the host leaves out is there.

    fastreid/evaluation/__init__.py:4 does not name evaluate_rank, which demo/visualize_result.py:18 imports from there:
    ImportError. Any version.

    Args:
        ours: by the last part of each name in NAMES.
    """
    replaced = []
    for full_name, _ in NAMES:
        module, _, name = full_name.rpartition(".")
        theirs = getattr(import_module(f"fastreid.{module}"), name)
        replaced += [(owner, alias, theirs, ours[name]) for owner, alias in _where(theirs)]
    for owner, alias, _, our in replaced:
        setattr(owner, alias, our)
    fastreid.evaluation.evaluate_rank = evaluate_rank
    try:
        yield
    finally:
        del fastreid.evaluation.evaluate_rank
        for owner, alias, theirs, _ in replaced:
            setattr(owner, alias, theirs)


def _where(theirs: object) -> list[tuple[object, str]]:
    """Every module of the host and name in it under which something is found: `from .build import build_model` makes more."""
    host = [module for name, module in sys.modules.items() if name.partition(".")[0] == "fastreid"]
    return [(module, name) for module in host for name, value in vars(module).items() if value is theirs]
