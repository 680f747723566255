"""A model on the Hugging Face hub as a folder of this machine."""

from collections.abc import Iterable
from pathlib import Path

from dcac_fastreid.diffusion.weight_files import CONFIGS, PARTS, choose_files, missing_parts
from dcac_fastreid.errors import InputError

PATIENCE = 10  # seconds for the hub's first answer


def hub_folder(model_id: str, *, ema: bool) -> Path:
    """The model's folder in the local hub cache; without the network where it lies there, else downloaded first.

    Args:
        model_id: owner/name. ema: as in `choose_files`; a cached model is taken with the files that it has.
    Raises:
        InputError: not in the cache, and the hub cannot be reached or does not have it.
    """
    import huggingface_hub  # comes with diffusers

    try:
        folder = Path(huggingface_hub.snapshot_download(model_id, local_files_only=True))
        if not missing_parts(folder):
            return folder
    except Exception:  # not cached, or no such name; what follows tells which
        pass
    try:
        # One question with a limit: diffusers itself would ask five times, 23 seconds, without saying so.
        answer = huggingface_hub.HfApi().model_info(model_id, timeout=PATIENCE)
        names = to_fetch([file.rfilename for file in answer.siblings], ema=ema)
        folder = Path(huggingface_hub.snapshot_download(model_id, revision=answer.sha, allow_patterns=names))
    except Exception as error:  # of several HTTP libraries; none derives from OSError in all versions
        raise InputError(
            f"MODEL.DCAC.DIFFUSION.WEIGHTS is {model_id!r}, which is no path here and so a model on the Hugging Face hub; it "
            f"is not in the local cache, and the hub does not give it ({str(error).strip().splitlines()[0]}); go online, "
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
