"""Parts of a trained checkpoint for others: the encoder, the ID prompts, the LoRA."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from dcac_fastreid.arguments import as_path
from dcac_fastreid.checkpoint.architecture import ENCODER_CONFIG, encoder_config
from dcac_fastreid.checkpoint.selection import SELECTED_ON, selected_on
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files, write_whole
from dcac_fastreid.tensor_files import are_named, check_weights, read_tensor_file

FILES = ENCODER, CONFIG, PROMPTS, LORA = (
    "encoder.safetensors",
    "encoder.yml",
    "prompts.safetensors",
    "lora/pytorch_lora_weights.safetensors",
)
BIAS_KEY = re.compile(r"feedback\.denoiser\.unet\..+\.to_[qkv]\.base_layer\.bias$")
LORA_KEY = re.compile(r"feedback\.denoiser\.unet\.(.+\.lora_[AB])\.default(\.weight)$")


class Exported(NamedTuple):
    file: Path
    what: str


def export_weights(
    cfg, folder: str | Path, *, half: bool = False, words: Mapping[str, str] | None = None
) -> tuple[list[Exported], list[str]]:
    """Writes what the checkpoint MODEL.WEIGHTS of a run's cfg holds.

    encoder.safetensors: encoder and BNNeck under fast-reid's names; a config that rebuilds them is in its metadata, and
    beside it as encoder.yml.
    prompts.safetensors: what the conditioner has learned; of Eq. 12, `prompts` (N, C).
    lora/pytorch_lora_weights.safetensors: for the `load_lora_weights` of a diffusers pipeline.

    Args: half, words: as save_encoder's.
    Returns: the files written, and sentences about what was not.
    Raises:
        InputError: no checkpoint of fast-reid, a LoRA of another rank than the cfg's, or a file that cannot be written.
    """
    folder = check_export(folder)
    if not cfg.MODEL.WEIGHTS:
        raise InputError(
            "which checkpoint to export is not said; add MODEL.WEIGHTS path/to/model_final.pth to the command"
        )
    model = read_tensor_file(cfg.MODEL.WEIGHTS).get("model")
    if not are_named(model, "backbone."):
        raise InputError(f"{cfg.MODEL.WEIGHTS} is no checkpoint of fast-reid: it has no entry 'model' with backbone.*")
    check_weights(model, None, cfg.MODEL.WEIGHTS)
    return save_parts(model, cfg, folder, picked_by=selected_on(cfg.MODEL.WEIGHTS), half=half, words=words)


def check_export(folder: str | Path) -> Path:
    """Asks before the work. Raises: InputError: the folder cannot be written, or what lies in it is in the way."""
    folder = as_path(folder, "the output folder")
    check_writable(folder, "the weights shall go to")
    refuse_no_files(*(folder / name for name in FILES))
    return folder


def save_parts(
    model: Mapping[str, Tensor],
    cfg,
    folder: Path,
    *,
    picked_by: Sequence[str] = (),
    half: bool = False,
    words: Mapping[str, str] | None = None,
) -> tuple[list[Exported], list[str]]:
    """As export_weights, of a checkpoint's weights by their names; picked_by, half, words: as save_encoder's."""
    prompts = {
        key.removeprefix("conditioner."): weight for key, weight in model.items() if key.startswith("conditioner.")
    }
    lora = diffusers_lora(model, rank=cfg.MODEL.DCAC.LORA.RANK, alpha=cfg.MODEL.DCAC.LORA.ALPHA)
    exported = save_encoder(
        encoder_weights(model), encoder_config(cfg), folder, picked_by=picked_by, half=half, words=words
    )
    absent = []
    if prompts:
        what = ", ".join(f"{name} {' x '.join(map(str, weight.shape))}" for name, weight in prompts.items())
        exported.append(_save(folder / PROMPTS, prompts, f"condition: {what}"))
    else:
        absent.append("no ID prompts: the checkpoint holds none")
    if lora:
        exported.append(_save(folder / LORA, lora, f"LoRA of {len(lora) // 2} layers"))
    else:
        trained = [weight for key, weight in model.items() if key.startswith("feedback.denoiser.")]
        absent.append(
            "no LoRA: the checkpoint holds none"
            + (f", but {sum(t.nbytes for t in trained) / 1e6:.0f} MB of the U-Net's own weights" if trained else "")
        )
    biases = [key for key in model if BIAS_KEY.match(key)]
    if lora and biases:
        absent.append(
            f"no q, k, v biases: the {len(biases)} that MODEL.DCAC.LORA.QKV_BIAS has put beside the LoRA have no place in "
            "diffusers' file; without them the LoRA gives other predictions than this run's U-Net"
        )
    return exported, absent


def save_encoder(
    weights: Mapping[str, Tensor],
    config: str,
    folder: Path,
    *,
    picked_by: Sequence[str] = (),
    half: bool = False,
    words: Mapping[str, str] | None = None,
) -> list[Exported]:
    """Writes encoder.safetensors and encoder.yml.

    Args:
        weights: as encoder_weights gives them.
        config: a config that rebuilds the encoder.
        picked_by: the data sets whose test metric picked the weights.
        half: matrices as fp16, which halves the file; vectors, BatchNorm's statistics among them, stay as they are.
        words: what the file shall carry besides.
    Raises: InputError: weights beyond the range of fp16, or a file that cannot be written.
    """
    metadata = {ENCODER_CONFIG: config, **(words or {})}
    if picked_by:
        metadata[SELECTED_ON] = json.dumps(list(picked_by))
    weights = {key: _halved(key, weight) for key, weight in weights.items()} if half else weights
    return [
        _save(folder / ENCODER, weights, f"encoder and BNNeck{', matrices as fp16' if half else ''}", **metadata),
        _save_text(folder / CONFIG, config, "config that rebuilds the encoder"),
    ]


def _halved(name: str, weight: Tensor) -> Tensor:
    if weight.ndim < 2 or not weight.is_floating_point():
        return weight
    if not weight.half().isfinite().all():
        raise InputError(f"{name} has numbers that fp16 cannot hold, above 65504; export without fp16")
    return weight.half()


def encoder_weights(model: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All that testing needs: no classifier, no prototypes, nothing of the diffusion side."""
    return {
        key: weight
        for key, weight in model.items()
        if key.startswith(("backbone.", "heads.")) and key != "heads.weight"
    }


def diffusers_lora(model: Mapping[str, Tensor], *, rank: int, alpha: float) -> dict[str, Tensor]:
    """The U-Net's adapters under the names that diffusers' pipelines load; empty where there are none.

    The scale s = alpha / rank of Eq. 9 is multiplied into B. Without an alpha in the file every reader takes s = 1; what
    says alpha differs from one version of diffusers to the next, and where it is overlooked the update is r times too strong.

    Raises:
        InputError: the adapters are not of this rank.
    """
    found = {match: weight for key, weight in model.items() if (match := LORA_KEY.match(key))}
    lora = {f"unet.{match[1]}{match[2]}": weight.float() for match, weight in found.items()}
    ranks = {weight.shape[0] if weight.ndim else 0 for key, weight in lora.items() if ".lora_A." in key}
    if ranks - {rank}:
        raise InputError(
            f"the checkpoint's LoRA has rank {', '.join(map(str, sorted(ranks)))}, the config's MODEL.DCAC.LORA.RANK is {rank}; "
            "use the config.yaml that lies beside the checkpoint"
        )
    return {key: weight * (alpha / rank) if ".lora_B." in key else weight for key, weight in lora.items()}


def _save(file: Path, weights: Mapping[str, Tensor], what: str, **metadata: str) -> Exported:
    from safetensors.torch import save

    content = save({key: weight.contiguous() for key, weight in weights.items()}, metadata={"format": "pt", **metadata})
    write_whole(file, lambda stream: stream.write(content))
    return Exported(file, what)


def _save_text(file: Path, text: str, what: str) -> Exported:
    write_whole(file, lambda stream: stream.write(text.encode()))
    return Exported(file, what)
