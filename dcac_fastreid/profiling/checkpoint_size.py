"""Which checkpoints does a training leave behind, and how large is each? Counted on the meta device."""

from torch import nn

from dcac_fastreid.dcac import DCAC
from dcac_fastreid.engine.average import parts_of
from dcac_fastreid.engine.tested_weights import uses_average, uses_interpolation
from dcac_fastreid.profiling.build import build
from dcac_fastreid.profiling.plan import states_per_weight

NUMBER = 4  # bytes: weights that train and the optimizer's states are kept in fp32


def checkpoint_bytes(cfg, num_classes: int) -> int:
    """A checkpoint: the weights that it keeps, the optimizer's states, and the average of the weights, where there is one.

    A part of a percent is not in it: names, random states, the states of the schedule.

    Args: num_classes: N, identities of the training set.
    """
    model = build(cfg, num_classes)
    unused = set(model.unused_parameters()) if isinstance(model, DCAC) else set()
    updated = sum(weight.numel() for weight in model.parameters() if weight.requires_grad and weight not in unused)
    size = _bytes(model) + states_per_weight(cfg) * updated * NUMBER
    # Beside the tested weights lie those that train; an average is what is tested, where it is not interpolated.
    average, interpolation = uses_average(cfg), uses_interpolation(cfg)
    copies = (average or interpolation) + (average and interpolation)
    return round(size + copies * _bytes(parts_of(model)))


def checkpoint_names(cfg, steps_per_epoch: int) -> list[str]:
    """Of all that lie in OUTPUT_DIR when the training has ended; some are written several times."""
    epochs, period, each = cfg.SOLVER.MAX_EPOCH, cfg.SOLVER.CHECKPOINT_PERIOD, cfg.SOLVER.CHECKPOINT_STEPS
    names = [f"model_{end - 1:04d}.pth" for end in range(1, epochs) if end % period == 0]
    tested = [end for end in range(1, epochs + 1) if cfg.TEST.EVAL_PERIOD and end % cfg.TEST.EVAL_PERIOD == 0]
    between = [end for end in tested if end % period and end < epochs]
    if between or (each and each < epochs * steps_per_epoch):
        names.append("model_steps.pth")
    if tested and set(cfg.DATASETS.TESTS) <= set(cfg.DATASETS.NAMES):
        names.append("model_best.pth")
    return [*names, "model_final.pth"]


def _bytes(module: nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in module.state_dict().values())
