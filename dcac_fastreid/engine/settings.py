"""Can the settings of a config work at all? Asked before anything is read or built."""

from collections.abc import Collection

import torch

from dcac_fastreid import data
from dcac_fastreid.conditioners import check_conditioner
from dcac_fastreid.diffusion import check_tuning
from dcac_fastreid.engine.schedule import EPOCH_SCHEDULE
from dcac_fastreid.errors import InputError
from dcac_fastreid.losses import check_losses
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.layers import any_softmax, pooling
from fastreid.modeling.backbones import BACKBONE_REGISTRY
from fastreid.modeling.heads import REID_HEADS_REGISTRY
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
OURS = ("DCAC", "PrototypicalBaseline")
# Each trains with a group for every parameter, as fast-reid makes them: tests/compat/test_solver.py.
OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adafactor", "Adagrad", "Adadelta", "ASGD", "RMSprop", "Rprop",
    "Lamb",
)  # fmt: skip


def check_settings(cfg, *, training: bool, processes: int) -> None:
    """Looks for settings with which a training, or else an evaluation, cannot work.

    Args:
        processes: that the run will have.
    Raises:
        InputError: the first of them.
    """
    if processes > 1 and cfg.MODEL.META_ARCHITECTURE in OURS:
        raise InputError(
            f"{cfg.MODEL.META_ARCHITECTURE} runs on one GPU for now, its prototypes are not shared between processes; "
            f"got {processes} processes, use --num-gpus 1"
        )
    _check_model(cfg)
    _check_data(cfg, training)
    if training:
        data.check_sampler(cfg, processes)
        _check_solver(cfg)
        _check_precision(cfg)
        _check_telemetry(cfg)


def autocast_dtype(cfg) -> torch.dtype | None:
    """The type in which mixed precision computes; None where SOLVER.AMP.ENABLED is off."""
    return PRECISIONS[cfg.SOLVER.AMP.DTYPE] if cfg.SOLVER.AMP.ENABLED else None


def check_gpus(num_gpus: int) -> None:
    """Raises InputError where --num-gpus asks for more GPUs than this machine has."""
    found = torch.cuda.device_count()
    if num_gpus > max(1, found):
        raise InputError(f"--num-gpus is {num_gpus}, PyTorch finds {found} on this machine; ask for fewer")


def _check_choice(key: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise InputError(f"{key} is {value!r}; known are {', '.join(sorted(known))}")


def _names(registry) -> Collection[str]:
    return registry._obj_map  # the host's Registry has no public list of its names


def _check_model(cfg) -> None:
    model = cfg.MODEL
    _check_choice("MODEL.META_ARCHITECTURE", model.META_ARCHITECTURE, _names(META_ARCH_REGISTRY))
    _check_choice("MODEL.BACKBONE.NAME", model.BACKBONE.NAME, _names(BACKBONE_REGISTRY))
    _check_choice("MODEL.HEADS.NAME", model.HEADS.NAME, _names(REID_HEADS_REGISTRY))
    _check_choice("MODEL.HEADS.POOL_LAYER", model.HEADS.POOL_LAYER, pooling.__all__)
    _check_choice("MODEL.HEADS.CLS_LAYER", model.HEADS.CLS_LAYER, any_softmax.__all__)
    check_losses(model.LOSSES.NAME, model.META_ARCHITECTURE)
    if model.META_ARCHITECTURE == "DCAC":
        conditioner = model.DCAC.CONDITIONER
        check_conditioner(conditioner.NAME, conditioner.TRANSFORM, conditioner.PROBS)
        check_tuning(model.DCAC.DIFFUSION.TUNING, model.DCAC.LORA.RANK, model.DCAC.LORA.TARGETS)


def _check_data(cfg, training: bool) -> None:
    for key, names in (
        ("DATASETS.NAMES", cfg.DATASETS.NAMES if training else ()),
        ("DATASETS.TESTS", cfg.DATASETS.TESTS),
    ):
        for name in names:
            _check_choice(key, name, _names(DATASET_REGISTRY))
    if training and not cfg.DATASETS.NAMES:
        raise InputError("DATASETS.NAMES is empty; expected the data sets to train on")
    if training and cfg.TEST.PRECISE_BN.ENABLED:
        _check_choice("TEST.PRECISE_BN.DATASET", cfg.TEST.PRECISE_BN.DATASET, _names(DATASET_REGISTRY))
    if not cfg.DATASETS.TESTS and (not training or cfg.TEST.EVAL_PERIOD):
        raise InputError("DATASETS.TESTS is empty; expected the data sets to test on (or TEST.EVAL_PERIOD 0: no test)")
    _check_choice("TEST.METRIC", cfg.TEST.METRIC, ("cosine", "euclidean"))
    _check_positive(cfg, "TEST.IMS_PER_BATCH")
    if cfg.DATALOADER.NUM_WORKERS < 0:
        raise InputError(f"DATALOADER.NUM_WORKERS is {cfg.DATALOADER.NUM_WORKERS}; expected 0 or more processes")


def _check_solver(cfg) -> None:
    factors = ("SOLVER.PROMPTS_LR_FACTOR", "SOLVER.LORA_LR_FACTOR")
    for key in ("SOLVER.MAX_EPOCH", "SOLVER.BASE_LR", "SOLVER.IMS_PER_BATCH", *factors):
        _check_positive(cfg, key)
    for key, period in (
        ("SOLVER.CHECKPOINT_PERIOD", cfg.SOLVER.CHECKPOINT_PERIOD),
        ("SOLVER.CHECKPOINT_STEPS", cfg.SOLVER.CHECKPOINT_STEPS),
        ("TEST.EVAL_PERIOD", cfg.TEST.EVAL_PERIOD),
    ):
        if period < 0:
            unit = "steps" if key.endswith("STEPS") else "epochs"
            raise InputError(f"{key} is {period}; expected a number of {unit}, or 0 for never")
    if cfg.SOLVER.MICRO_BATCH < 0:
        raise InputError(
            f"SOLVER.MICRO_BATCH is {cfg.SOLVER.MICRO_BATCH}; expected images, or 0 for the whole batch at once"
        )
    if cfg.SOLVER.MICRO_BATCH and cfg.MODEL.META_ARCHITECTURE not in OURS:
        raise InputError(
            f"SOLVER.MICRO_BATCH is {cfg.SOLVER.MICRO_BATCH}, which {cfg.MODEL.META_ARCHITECTURE} cannot; known by "
            f"{' and '.join(OURS)}: set it to 0"
        )
    _check_choice("SOLVER.OPT", cfg.SOLVER.OPT, OPTIMIZERS)
    _check_choice("SOLVER.SCHED", cfg.SOLVER.SCHED, (EPOCH_SCHEDULE, "MultiStepLR", "CosineAnnealingLR"))
    if not -1 <= cfg.SEED < 2**32:
        raise InputError(f"SEED is {cfg.SEED}; expected a whole number from 0 to {2**32 - 1}, or -1 to draw one")
    padding = cfg.INPUT.PADDING
    if padding.ENABLED and cfg.INPUT.CROP.ENABLED:
        needed, given = cfg.INPUT.SIZE_TRAIN, [side + 2 * padding.SIZE for side in cfg.INPUT.CROP.SIZE]
        if any(side < least for side, least in zip(given, needed, strict=False)):
            raise InputError(
                f"INPUT.CROP.SIZE with INPUT.PADDING.SIZE gives {given}, smaller than INPUT.SIZE_TRAIN {needed}, which is "
                "cropped from it; enable one of the two, or enlarge INPUT.CROP.SIZE"
            )


def _check_precision(cfg) -> None:
    amp = cfg.SOLVER.AMP
    _check_choice("SOLVER.AMP.DTYPE", amp.DTYPE, PRECISIONS)
    if amp.ENABLED and amp.DTYPE == "fp16" and cfg.MODEL.DEVICE == "cpu":
        raise InputError("fp16 training needs a GPU; on the CPU set SOLVER.AMP.ENABLED False, or SOLVER.AMP.DTYPE bf16")


def _check_telemetry(cfg) -> None:
    period, architecture = cfg.MODEL.DCAC.TELEMETRY, cfg.MODEL.META_ARCHITECTURE
    if period < 0:
        raise InputError(f"MODEL.DCAC.TELEMETRY is {period}; expected a number of steps, or 0 for never")
    if period and architecture not in OURS:
        raise InputError(
            f"MODEL.DCAC.TELEMETRY is {period}, which {architecture} does not offer; known by {' and '.join(OURS)}: set it to 0"
        )
    if period and cfg.MODEL.FREEZE_LAYERS:
        raise InputError(
            f"MODEL.DCAC.TELEMETRY is {period}, but layers that MODEL.FREEZE_LAYERS holds ({', '.join(cfg.MODEL.FREEZE_LAYERS)}) "
            "may have no gradient to look at; set one of the two to nothing"
        )


def _check_positive(cfg, key: str) -> None:
    value = cfg
    for part in key.split("."):
        value = value[part]
    if not value > 0:
        raise InputError(f"{key} is {value}; it must be above 0")
