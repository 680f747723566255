"""Checkpoints of interpolated encoders, made of one that is trained already."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dcac_fastreid import data
from dcac_fastreid.arguments import as_path, shown_value
from dcac_fastreid.checkpoint import encoder_config, selected_on
from dcac_fastreid.checkpoint.architecture import ENCODER_CONFIG
from dcac_fastreid.checkpoint.checkpointer import OF_FEATURES, TestingCheckpointer
from dcac_fastreid.checkpoint.interpolation import (
    ENCODER,
    INTERPOLATED,
    check_same_architecture,
    described,
    interpolate,
    weights_hash,
)
from dcac_fastreid.checkpoint.resuming import AVERAGE, AVERAGED, TRAINED
from dcac_fastreid.checkpoint.saving import check_finite
from dcac_fastreid.checkpoint.selection import SELECTED_ON
from dcac_fastreid.config import check_values
from dcac_fastreid.engine.bnneck import estimate_statistics
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.start import check_start, starting_weights
from dcac_fastreid.engine.tested_weights import check_parts
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files, write_whole
from dcac_fastreid.reid import build_reid_model
from dcac_fastreid.tensor_files import are_named, check_weights, read_state_dict, read_tensor_file


def interpolate_checkpoint(
    cfg, checkpoint: str | Path, alphas: Sequence[float], folder: str | Path, *, start: str | Path = ""
) -> list[Path]:
    """Writes interpolated_ALPHA.pth for every alpha: the checkpoint's model with another encoder and BNNeck statistics.

    A file says what it lies between (entry INTERPOLATED), is tested and exported as any other, and cannot be resumed from.
    Of a checkpoint whose encoder is interpolated already, it takes the trained one that lies beside.

    Args:
        cfg: of the run; DATASETS.NAMES are the sources for the statistics, MODEL.BACKBONE and MODEL.WEIGHTS the start.
        alphas: in [0, 1]; 1 is the checkpoint's encoder.
        start: the file of the encoder at 0; "" for the one that the run began with.
    Raises: InputError: a number that is no alpha, a file that cannot be read or written, encoders of different architectures, or
        another start than the run's.
    """
    folder = as_path(folder, "--output")
    targets = {alpha: folder / f"interpolated_{alpha:g}.pth" for alpha in map(_alpha, alphas)}
    check_writable(folder, "--output leads to")
    refuse_no_files(*targets.values())
    check_values(cfg)
    content = _content(as_path(checkpoint, "--checkpoint"))
    data.check_datasets(changed(cfg, ["DATASETS.TESTS", ()]), training=True)
    model, begun = _model_and_start(cfg, checkpoint, start, content)
    end = _trained_encoder(content, checkpoint, model)
    check_same_architecture(begun, end, (str(start or "the start of the run"), str(checkpoint)))
    loader = data.build_plain_train_loader(cfg, data.build_train_loader(cfg))
    picked_by = sorted({*selected_on(str(checkpoint)), *selected_on(str(start))})
    for alpha, target in targets.items():
        model.backbone.load_state_dict(interpolate(begun, end, alpha))
        estimate_statistics(model, loader)
        made = {
            "model": {**content["model"], **_of_features(model)},
            ENCODER_CONFIG: content.get(ENCODER_CONFIG) or encoder_config(cfg),
            INTERPOLATED: described(alpha, begun, end),
            **({SELECTED_ON: picked_by} if picked_by else {}),
        }
        check_finite({"model": _of_features(model)})
        write_whole(target, lambda stream, made=made: torch.save(made, stream))
    return list(targets.values())


def _alpha(value: object) -> float:
    try:
        alpha = float(value)
    except (TypeError, ValueError, OverflowError):
        alpha = math.nan
    if isinstance(value, bool) or not 0 <= alpha <= 1:
        raise InputError(f"alpha is {shown_value(value)}; expected a number from 0 to 1, such as 0.7")
    return alpha


def _content(file: Path) -> Mapping[str, Any]:
    content = read_tensor_file(file)
    if not are_named(content.get("model"), ENCODER):
        raise InputError(f"{file} is no checkpoint of fast-reid: it has no entry 'model' with {ENCODER}*")
    return content


def _model_and_start(cfg, checkpoint, start, content: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Tensor]]:
    """The model with the checkpoint's weights, without a training side, and the encoder at alpha 0."""
    cfg = data.with_local_weights(cfg)
    if start:
        cfg = changed(cfg, ["MODEL.BACKBONE.PRETRAIN", False])
    elif not (cfg.MODEL.BACKBONE.PRETRAIN or cfg.MODEL.WEIGHTS):
        raise InputError(
            "the run began with random weights (MODEL.BACKBONE.PRETRAIN is False), between which and trained ones nothing works; "
            "name another checkpoint of the same start by --start"
        )
    model = build_reid_model(cfg)
    check_parts(changed(cfg, ["SOLVER.INTERPOLATE.CHOOSE", "source"]), model)
    begun = {name: weight.clone() for name, weight in model.backbone.state_dict().items()}
    if start:
        found = read_state_dict(start)
        begun = {name.removeprefix(ENCODER): weight for name, weight in found.items() if name.startswith(ENCODER)}
        if not begun:
            raise InputError(f"{start} holds no encoder: it has no weights {ENCODER}*")
    else:
        begun = starting_weights(begun, cfg.MODEL.WEIGHTS)
        check_start(weights_hash(begun), _told_start(content))
    TestingCheckpointer(model, encoder_config=encoder_config(cfg)).load(str(checkpoint))
    check_weights(begun, model.backbone.state_dict(), start or "the start of the run")
    return model, begun


def _told_start(content: Mapping[str, Any]) -> str | None:
    progress = content.get("progress")
    told = progress.get("start") if isinstance(progress, Mapping) else None
    return told if isinstance(told, str) else None


def _trained_encoder(content: Mapping[str, Any], checkpoint, model: nn.Module) -> dict[str, Tensor]:
    """The checkpoint's encoder before any interpolation."""
    loaded = {name: weight.clone() for name, weight in model.backbone.state_dict().items()}
    if INTERPOLATED not in content:
        return loaded
    beside, prefix = content.get(AVERAGE, content.get(TRAINED)), AVERAGED if AVERAGE in content else ""
    if not isinstance(beside, Mapping):
        raise InputError(
            f"{checkpoint} is interpolated already and does not hold its trained encoder; name the checkpoint that it was made of"
        )
    end = {
        name.removeprefix(prefix + ENCODER): weight
        for name, weight in beside.items()
        if isinstance(name, str) and name.startswith(prefix + ENCODER)
    }
    check_same_architecture(loaded, end, (str(checkpoint), "the trained encoder in it"))
    check_weights(end, loaded, checkpoint)
    return {name: weight.to(loaded[name]) for name, weight in end.items()}


def _of_features(model: nn.Module) -> dict[str, Tensor]:
    """Encoder and BNNeck under their names in a checkpoint, on the CPU."""
    return {name: weight.cpu().clone() for name, weight in model.state_dict().items() if name.startswith(OF_FEATURES)}
