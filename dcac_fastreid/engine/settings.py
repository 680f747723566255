"""Can the settings of a config work at all? Asked before anything is read or built."""

import torch

from dcac_fastreid import data
from dcac_fastreid.config import check_values
from dcac_fastreid.engine.schedule import check_schedule
from dcac_fastreid.errors import InputError
from dcac_fastreid.losses import check_losses

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
OURS = ("DCAC", "PrototypicalBaseline")


def check_settings(cfg, *, training: bool, processes: int) -> None:
    """Looks for settings with which a training, or else an evaluation, cannot work.

    Values are looked at one by one, as config/ declares them, and then those that must fit each other.

    Args:
        processes: that the run will have.
    Raises:
        InputError: the first of them.
    """
    check_values(cfg)
    _check_model(cfg)
    if processes > 1:
        _check_processes(cfg, training, processes)
    _check_data(cfg, training)
    _check_test(cfg)
    if training:
        data.check_sampler(cfg, processes)
        _check_solver(cfg)
        _check_precision(cfg)
        _check_telemetry(cfg)
        _check_feedback(cfg)


def autocast_dtype(cfg) -> torch.dtype | None:
    """The type in which mixed precision computes; None where SOLVER.AMP.ENABLED is off."""
    return PRECISIONS[cfg.SOLVER.AMP.DTYPE] if cfg.SOLVER.AMP.ENABLED else None


def _check_processes(cfg, training: bool, processes: int) -> None:
    device, batch = cfg.MODEL.DEVICE, cfg.SOLVER.IMS_PER_BATCH
    if device.startswith("cuda:"):
        raise InputError(
            f"MODEL.DEVICE is {device}, on which {processes} processes would all compute; set MODEL.DEVICE cuda, and each takes a "
            "GPU of its own"
        )
    if training and batch % processes:
        raise InputError(
            f"SOLVER.IMS_PER_BATCH is {batch}, the batch of all processes together, which {processes} processes do not divide "
            f"evenly; set it to {max(batch // processes, 1) * processes}, or start another number of processes"
        )


def _check_model(cfg) -> None:
    model = cfg.MODEL
    if model.DEVICE != "cpu" and not model.DEVICE.startswith("cuda"):
        raise InputError(f"MODEL.DEVICE is {model.DEVICE!r}, on which no run is made; expected cuda, cuda:1 or cpu")
    check_losses(model.LOSSES.NAME, model.META_ARCHITECTURE)
    if model.META_ARCHITECTURE in OURS and model.HEADS.NECK_FEAT != "after":
        raise InputError(
            f"MODEL.HEADS.NECK_FEAT is {model.HEADS.NECK_FEAT!r}; "
            "the prototypes are made of features after the BNNeck: set 'after'"
        )


def _check_feedback(cfg) -> None:
    conditioner, balance = cfg.MODEL.DCAC.CONDITIONER, cfg.MODEL.DCAC.BALANCE
    if cfg.MODEL.META_ARCHITECTURE != "DCAC":
        return
    if balance and not cfg.MODEL.LOSSES.NAME:
        raise InputError(
            f"MODEL.DCAC.BALANCE is {balance}, but MODEL.LOSSES.NAME empty, so there is no Re-ID gradient to balance; set it to 0"
        )
    if balance and autocast_dtype(cfg) == torch.float16:
        raise InputError(
            f"MODEL.DCAC.BALANCE is {balance}, which fp16 cannot; set SOLVER.AMP.DTYPE bf16, or SOLVER.AMP.ENABLED False"
        )
    if not cfg.MODEL.LOSSES.NAME and not cfg.MODEL.DCAC.LAMBDA:
        raise InputError(
            "MODEL.LOSSES.NAME is empty and MODEL.DCAC.LAMBDA 0, so there is nothing to learn from; name a loss, such as IDLoss, "
            "or set LAMBDA above 0"
        )
    if conditioner.VIEW != "same" and conditioner.SHUFFLE:
        raise InputError(
            f"MODEL.DCAC.CONDITIONER.VIEW is {conditioner.VIEW!r}, but SHUFFLE True gives every image the condition of any "
            "other; set VIEW 'same' or SHUFFLE False"
        )
    if conditioner.VIEW != "same" and not data.brings_pairs(cfg):
        loader = cfg.DATALOADER
        raise InputError(
            f"MODEL.DCAC.CONDITIONER.VIEW is {conditioner.VIEW!r}, but {loader.SAMPLER_TRAIN} with DATALOADER.NUM_INSTANCE "
            f"{loader.NUM_INSTANCE} brings no other image of an identity into a batch, unless by chance; set VIEW 'same', or "
            "DATALOADER.SAMPLER_TRAIN NaiveIdentitySampler with NUM_INSTANCE 2 or more"
        )
    if not cfg.MODEL.LOSSES.NAME and conditioner.NAME == "ClassWiseConditioner" and conditioner.RESCALE:
        raise InputError(
            "MODEL.LOSSES.NAME is empty, and ClassWiseConditioner with RESCALE True passes no gradient to the "
            "encoder, which would learn nothing; name a loss, such as IDLoss, or set RESCALE False"
        )


def _check_data(cfg, training: bool) -> None:
    if training and not cfg.DATASETS.NAMES:
        raise InputError("DATASETS.NAMES is empty; expected the data sets to train on")
    if not cfg.DATASETS.TESTS and (not training or cfg.TEST.EVAL_PERIOD):
        raise InputError("DATASETS.TESTS is empty; expected the data sets to test on (or TEST.EVAL_PERIOD 0: no test)")
    for key, size in (("SIZE_TRAIN", cfg.INPUT.SIZE_TRAIN), ("SIZE_TEST", cfg.INPUT.SIZE_TEST)):
        if (len(size) != 2 or 0 in size) and not cfg.INPUT.CROP.ENABLED:
            raise InputError(
                f"INPUT.{key} is {size}, which brings images to no common size; expected a height and a width, such as [256, 128]"
            )
    padding, crop = cfg.INPUT.PADDING, cfg.INPUT.CROP
    if training and padding.ENABLED and crop.ENABLED:
        needed, given = cfg.INPUT.SIZE_TRAIN, [side + 2 * padding.SIZE for side in crop.SIZE]
        if any(side < least for side, least in zip(given, needed, strict=False)):
            raise InputError(
                f"INPUT.CROP.SIZE with INPUT.PADDING.SIZE gives {given}, smaller than INPUT.SIZE_TRAIN {needed}, which is "
                "cropped from it; enable one of the two, or enlarge INPUT.CROP.SIZE"
            )
        if len(needed) != 2 or 0 in needed:
            raise InputError(f"INPUT.SIZE_TRAIN is {needed}; with INPUT.PADDING expected a height and a width")


def _check_test(cfg) -> None:
    rerank = cfg.TEST.RERANK
    if rerank.ENABLED and rerank.K2 > rerank.K1:
        raise InputError(
            f"TEST.RERANK.K2 is {rerank.K2}, above TEST.RERANK.K1 {rerank.K1}, of whose neighbours it takes the nearest; lower it"
        )
    aqe = cfg.TEST.AQE
    if aqe.ENABLED and aqe.ALPHA != int(aqe.ALPHA):
        raise InputError(
            f"TEST.AQE.ALPHA is {aqe.ALPHA}, which makes NaN of a similarity below 0; set it to a whole number, such as 3.0"
        )


def _check_solver(cfg) -> None:
    solver = cfg.SOLVER
    if not solver.BASE_LR:
        raise InputError("SOLVER.BASE_LR is 0, at which nothing is learned; it must be above 0")
    if solver.MICRO_BATCH and cfg.MODEL.META_ARCHITECTURE not in OURS:
        raise InputError(
            f"SOLVER.MICRO_BATCH is {solver.MICRO_BATCH}, which {cfg.MODEL.META_ARCHITECTURE} cannot; known by "
            f"{' and '.join(OURS)}: set it to 0"
        )
    if solver.OPT == "SGD" and solver.NESTEROV and not solver.MOMENTUM:
        raise InputError(
            "SOLVER.NESTEROV is True, but SOLVER.MOMENTUM 0; set a momentum, such as 0.9, or NESTEROV False"
        )
    _check_interpolation(cfg)
    check_schedule(cfg)


def _check_interpolation(cfg) -> None:
    wanted = cfg.SOLVER.INTERPOLATE
    if wanted.CHOOSE and wanted.ALPHA != 1:
        raise InputError(
            f"SOLVER.INTERPOLATE.ALPHA is {wanted.ALPHA} and CHOOSE {wanted.CHOOSE!r}, which would choose another one; leave ALPHA "
            "at 1.0, or CHOOSE at ''"
        )
    if (wanted.CHOOSE or wanted.ALPHA != 1) and not (cfg.MODEL.BACKBONE.PRETRAIN or cfg.MODEL.WEIGHTS):
        raise InputError(
            "SOLVER.INTERPOLATE is on, but the encoder begins with random weights, between which and trained ones nothing works; "
            "set MODEL.BACKBONE.PRETRAIN True, or MODEL.WEIGHTS"
        )


def _check_precision(cfg) -> None:
    amp = cfg.SOLVER.AMP
    if amp.ENABLED and amp.DTYPE == "fp16" and cfg.MODEL.DEVICE == "cpu":
        raise InputError("fp16 training needs a GPU; on the CPU set SOLVER.AMP.ENABLED False, or SOLVER.AMP.DTYPE bf16")


def _check_telemetry(cfg) -> None:
    period, architecture = cfg.MODEL.DCAC.TELEMETRY, cfg.MODEL.META_ARCHITECTURE
    if period and architecture not in OURS:
        raise InputError(
            f"MODEL.DCAC.TELEMETRY is {period}, which {architecture} does not offer; known by {' and '.join(OURS)}: set it to 0"
        )
    if period and cfg.MODEL.FREEZE_LAYERS:
        raise InputError(
            f"MODEL.DCAC.TELEMETRY is {period}, but layers that MODEL.FREEZE_LAYERS holds ({', '.join(cfg.MODEL.FREEZE_LAYERS)}) "
            "may have no gradient to look at; set one of the two to nothing"
        )
