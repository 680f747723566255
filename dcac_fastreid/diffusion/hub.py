"""A Stable Diffusion model on the Hugging Face hub as a folder of this machine."""

from collections.abc import Iterable
from pathlib import Path

from dcac_fastreid.diffusion.weight_files import CONFIGS, PARTS, choose_files, missing_parts
from dcac_fastreid.errors import InputError, first_line
from dcac_fastreid.hub import hub_snapshot


def hub_folder(model_id: str, *, ema: bool) -> Path:
    """The model's folder in the local hub cache; without the network where it lies there, else downloaded first.

    Args:
        model_id: owner/name. ema: as in `choose_files`; a cached model is taken with the files that it has.
    Raises:
        InputError: not in the cache, and the hub cannot be reached or does not have it.
    """
    try:
        folder = hub_snapshot(
            model_id, choose=lambda names: to_fetch(names, ema=ema), complete=lambda folder: not missing_parts(folder)
        )
    except Exception as error:  # of several HTTP libraries; none derives from OSError in all versions
        raise InputError(
            f"MODEL.DCAC.DIFFUSION.WEIGHTS is {model_id!r}, which is no path here and so a model on the Hugging Face hub; it "
            f"is not in the local cache, and the hub does not give it ({first_line(error)}); go online, "
            "correct the name, or set a local folder or file"
        ) from error
    lacking = missing_parts(folder)
    if lacking:
        raise InputError(
            f"{model_id} on the Hugging Face hub lacks {', '.join(lacking)}; expected a Stable Diffusion model in "
            "diffusers' layout, such as stable-diffusion-v1-5/stable-diffusion-v1-5"
        )
    return folder


def to_fetch(names: Iterable[str], *, ema: bool) -> list[str]:
    """Of a model's files those that a training reads: a fifth of stable-diffusion-v1-5, which has each weight in six forms."""
    names = list(names)
    fetched = [name for name in names if name in CONFIGS]
    for part in PARTS:
        own = [name.removeprefix(f"{part}/") for name in names if name.startswith(f"{part}/")]
        chosen = choose_files(own, ema=ema)
        if chosen:
            index = f"{chosen.suffix}.index."  # of sharded weights
            fetched += [f"{part}/{name}" for name in own if name in chosen.names or index in name]
    return fetched
