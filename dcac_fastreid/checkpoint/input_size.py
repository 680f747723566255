"""A transformer's weights belong to one input size: is it the one that is asked for?"""

from collections.abc import Mapping

from torch import Tensor

from dcac_fastreid.config import read_config_text
from dcac_fastreid.errors import InputError

POSITIONS = ("positional_embedding", "pos_embed")  # how the names of positional embeddings end


def check_input_size(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], carried: str | None, asked: str, source: str
) -> None:
    """Compares positional embeddings, and the configs; backbones without positions run at any size.

    Args:
        found: weights of a file. expected: the model's state dict.
        carried: the encoder's config that the file carries. asked: the model's, "" where it is not known.
    Raises:
        InputError: the weights are of another input size, also of one with as many patches.
    """
    names = [name for name in expected if name.endswith(POSITIONS) and name in found]
    of_file, of_model = _size(carried), _size(asked)
    for name in names:
        lengths = [weights[name].shape[-2] if weights[name].ndim > 1 else 0 for weights in (found, expected)]
        if lengths[0] != lengths[1] or (of_file and of_model and of_file != of_model):
            made = f"were trained at {of_file[0]} x {of_file[1]}" if of_file else f"have {lengths[0]} positions"
            wanted = f"{of_model[0]} x {of_model[1]}" if of_model else "its input size"
            step = f" to {list(of_file)}" if of_file else " to those of its training"
            raise InputError(
                f"the weights in {source} {made}, the config asks for {wanted}"
                f"{'' if of_file else f', which has {lengths[1]}'}; set INPUT.SIZE_TRAIN and INPUT.SIZE_TEST{step}"
            )


def _size(config: str | None) -> tuple[int, int] | None:
    """INPUT.SIZE_TEST of a config's text, None where it does not say it."""
    try:
        height, width = read_config_text(config or "", "the config of the weights")["INPUT"]["SIZE_TEST"]
    except (InputError, TypeError, KeyError, ValueError):
        return None
    return (height, width) if type(height) is type(width) is int else None
