"""Models on the Hugging Face hub: which names mean one, and a model's files in the local hub cache."""

from collections.abc import Callable, Iterable
from pathlib import Path

PATIENCE = 10  # seconds for the hub's first answer
# How names of files end that hold weights, a model or an archive; a model on the hub could end so, and does not.
FILE_SUFFIXES = (".safetensors", ".bin", ".ckpt", ".pt", ".pth", ".pt2", ".onnx")
# Where training writes, where the configs look for weights, and where the configs lie: no owners of models.
FOLDERS = ("logs", "weights", "configs")


def is_hub_id(name: str | Path) -> bool:
    """Whether it is a model on the Hugging Face hub, owner/name, and no path.

    A path is all that exists, what does not have exactly one slash, what lies below a folder that exists or below one of
    FOLDERS, what begins with "." or "~", and what ends as a file of weights does: a mistyped path is not looked up on the hub.
    """
    owner, slash, model = str(name).partition("/")
    if not slash or not owner or not model or "/" in model:
        return False
    if owner in FOLDERS or owner[0] in ".~" or model.endswith(FILE_SUFFIXES):
        return False
    return not Path(name).exists() and not Path(owner).exists()


def hub_snapshot(
    model_id: str,
    *,
    choose: Callable[[Iterable[str]], Iterable[str]],
    complete: Callable[[Path], object],
    revision: str | None = None,
) -> Path:
    """The model's folder in the local hub cache; without the network where it lies there, else downloaded first.

    Args:
        model_id: owner/name.
        choose: of the names of the model's files, those to download.
        complete: whether a folder of the cache has all that is needed.
        revision: a branch, a tag or a commit; None for the main branch.
    Raises: exceptions of the hub's client, of several HTTP libraries: not in the cache, and the hub does not give it.
    """
    import huggingface_hub  # comes with diffusers

    try:
        folder = huggingface_hub.snapshot_download(model_id, revision=revision, local_files_only=True)
    except (
        Exception
    ) as error:  # not cached, or no such name: what follows tells which; or cached without what was not needed
        folder = getattr(error, "snapshot_path", None)
    if folder and complete(Path(folder)):
        return Path(folder)
    # One question with a limit: the client itself would ask five times, 23 seconds, without saying so.
    answer = huggingface_hub.HfApi().model_info(model_id, revision=revision, timeout=PATIENCE)
    names = list(choose(file.rfilename for file in answer.siblings))
    # By the revision's name, not by the commit of the answer: the cache notes under which name a commit was asked for, and
    # finds the folder by this name when there is no network.
    return Path(huggingface_hub.snapshot_download(model_id, revision=revision, allow_patterns=names))
