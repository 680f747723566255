"""The learning rate by epoch, Section 5.2."""

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from dcac_fastreid.errors import InputError

EPOCH_SCHEDULE = "EpochWarmupMultiStepLR"


def epoch_factor(epoch: int, *, warmup_epochs: int, warmup_factor: float, steps: Sequence[int], gamma: float) -> float:
    """What the base learning rate is multiplied with in `epoch`, counted from 0.

    The paper: 0.1 at epoch 0, rising by 0.09 an epoch to 1 at epoch 10, x 0.1 from epoch 30 and again from epoch 50.
    """
    factor = 1.0
    if epoch < warmup_epochs:
        factor = warmup_factor + (1 - warmup_factor) * epoch / warmup_epochs
    return factor * gamma ** sum(epoch >= step for step in steps)


def check_schedule(cfg) -> None:
    """Looks for schedules of SOLVER that cannot be.

    Raises:
        InputError: under "EpochWarmupMultiStepLR", fast-reid's own iteration-wise warm-up or delay; under fast-reid's
            schedules, a delay that leaves no epoch.
    """
    solver = cfg.SOLVER
    if solver.SCHED == EPOCH_SCHEDULE and (solver.WARMUP_ITERS or solver.DELAY_EPOCHS):
        raise InputError(
            f"SOLVER.SCHED {EPOCH_SCHEDULE} warms up over SOLVER.WARMUP_EPOCHS; set WARMUP_ITERS and DELAY_EPOCHS to 0, "
            f"got {solver.WARMUP_ITERS} and {solver.DELAY_EPOCHS}"
        )
    if solver.SCHED == "CosineAnnealingLR" and solver.DELAY_EPOCHS >= solver.MAX_EPOCH:
        raise InputError(
            f"SOLVER.DELAY_EPOCHS is {solver.DELAY_EPOCHS}, which leaves SOLVER.SCHED {solver.SCHED} none of the "
            f"{solver.MAX_EPOCH} epochs (SOLVER.MAX_EPOCH); lower it"
        )


def build_epoch_schedule(cfg, optimizer: Optimizer) -> dict[str, LambdaLR]:
    """fast-reid's dictionary of schedulers for SOLVER.SCHED "EpochWarmupMultiStepLR"; its LRScheduler hook steps it once per epoch.

    Raises: as check_schedule.
    """
    check_schedule(cfg)
    settings = {
        "warmup_epochs": cfg.SOLVER.WARMUP_EPOCHS,
        "warmup_factor": cfg.SOLVER.WARMUP_FACTOR,
        "steps": list(cfg.SOLVER.STEPS),
        "gamma": cfg.SOLVER.GAMMA,
    }
    ahead = int(cfg.SOLVER.ONE_EPOCH_AHEAD)
    return {"lr_sched": LambdaLR(optimizer, lambda epoch: epoch_factor(epoch + ahead, **settings))}
