"""Can the model of a config be built, and do its parts fit each other? Tried with random weights before a run begins."""

import contextlib
from pathlib import Path

import torch

from dcac_fastreid import data
from dcac_fastreid.dcac import DCAC, attach_training_side
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.engine.solver_settings import check_solver_settings
from dcac_fastreid.engine.tested_weights import check_parts
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import parts_that_fit
from fastreid.modeling import build_model

# It reads its teachers' files when it is built.
NOT_TRIED = ("Distiller",)


def check_model(cfg, *, training: bool, processes: int = 1) -> None:
    """Builds the model on the meta device, which holds no numbers, and shows it an image.

    A backbone of fast-reid that needs numbers when it is built is built on the CPU. torch's random numbers stay as they are.

    Args:
        training: else the model of a test, without DCAC's training side.
        processes: that will train it together.
    Raises:
        InputError: parts or sizes that do not fit each other, LoRA targets that the denoiser has not, or a setting of SOLVER
            that the backbone does not offer, or number of processes for which it is not made.
    """
    if cfg.MODEL.META_ARCHITECTURE in NOT_TRIED:
        return
    cfg = data.with_local_weights(cfg)
    cfg.defrost()
    cfg.MODEL.BACKBONE.PRETRAIN, cfg.MODEL.HEADS.NUM_CLASSES = False, cfg.MODEL.HEADS.NUM_CLASSES or 2
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            _try(cfg, "meta", training, processes)
        except (InputError, OSError, ImportError):
            raise
        except Exception:
            with parts_that_fit(cfg):
                _try(cfg, "cpu", training, processes)


def _try(cfg, device: str, training: bool, processes: int) -> None:
    cfg.MODEL.DEVICE = device
    with torch.device(device) if device == "meta" else contextlib.nullcontext():
        model = build_model(cfg)
        if training:
            check_solver_settings(cfg, model.backbone, processes=processes)
            check_parts(cfg, model)
        if training and isinstance(model, DCAC):
            weights = Path(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
            folder = weights if weights.is_dir() else stable_diffusion.SD15_ARCHITECTURE
            attach_training_side(model, cfg, stable_diffusion.empty_denoiser(folder))
        crop = cfg.INPUT.CROP
        sides = list(crop.SIZE if crop.ENABLED else cfg.INPUT.SIZE_TRAIN)
        features = model.eval()({"images": torch.zeros(1, 3, sides[0], sides[-1], device=device)})
    weight = getattr(getattr(model, "heads", None), "weight", None)
    if isinstance(features, torch.Tensor) and weight is not None and features.shape[1] != weight.shape[1]:
        raise InputError(
            f"MODEL.BACKBONE.FEAT_DIM is {cfg.MODEL.BACKBONE.FEAT_DIM}, but {cfg.MODEL.BACKBONE.NAME} gives features of width "
            f"{features.shape[1]}; set it to that"
        )
