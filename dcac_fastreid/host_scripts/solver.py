"""Optimizer and learning rate of a script with a training loop of its own, such as tools/plain_train_net.py."""

from torch import nn
from torch.optim import Optimizer

from dcac_fastreid import data
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.engine.schedule import EPOCH_SCHEDULE, build_epoch_schedule
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.trainer import ScriptTrainer
from dcac_fastreid.reid import PrototypicalBaseline
from fastreid import solver

host_build_optimizer, host_build_lr_scheduler = solver.build_optimizer, solver.build_lr_scheduler


def build_optimizer(cfg, model: nn.Module, contiguous: bool = False) -> Optimizer:
    """fast-reid's optimizer, which is also the pair that fast-reid returns: `optimizer, groups = build_optimizer(...)`.

    Args:
        contiguous: fast-reid's; of no effect, see compat/solver.py.
    Raises: InputError: a model that a loop without hooks cannot train, or one without classes.
    """
    of_one_process = getattr(model, "module", model)  # behind DistributedDataParallel
    if isinstance(of_one_process, PrototypicalBaseline) and not ScriptTrainer.making:
        raise InputError(
            f"{cfg.MODEL.META_ARCHITECTURE} cannot be trained by a script with a loop of its own, in which nobody computes "
            "the ID prototypes at the start of each epoch; train with dcac-fastreid train, or with "
            "`python -m dcac_fastreid tools/train_net.py` in a checkout of fast-reid"
        )
    if not cfg.MODEL.HEADS.NUM_CLASSES and any(not parameter.numel() for parameter in model.parameters()):
        raise InputError(
            "MODEL.HEADS.NUM_CLASSES is 0, which a trainer counts, but a script with a loop of its own does not; add "
            f"MODEL.HEADS.NUM_CLASSES {_identities(cfg)} to the command"
        )
    optimizer, groups = host_build_optimizer(cfg, model, contiguous=False)
    kind = type(optimizer)
    optimizer.__class__ = type(kind.__name__, (kind,), {"__iter__": lambda self: iter((self, groups))})
    return optimizer


def build_lr_scheduler(cfg, optimizer: Optimizer, iters_per_epoch: int) -> dict:
    """fast-reid's, which knows our SOLVER.SCHED too."""
    if cfg.SOLVER.SCHED == EPOCH_SCHEDULE:
        return build_epoch_schedule(cfg, optimizer)
    return host_build_lr_scheduler(cfg, optimizer, iters_per_epoch)


def _identities(cfg) -> int:
    root = data.data_root(cfg.DATASETS.ROOT)
    return len({item[1] for name in cfg.DATASETS.NAMES for item in read_dataset(name, root).train})
