"""A checkpoint whose model is not what trains: which weights does a resumed run go on with?"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_tensors

# Entry of a checkpoint, by the model's names: the weights that train, where "model" has others to test in their place.
TRAINED = "trained"
AVERAGE = "average"  # entry: the moving average of the weights, as torch's AveragedModel keeps it
AVERAGED = "module."  # how the names of weights begin in it, before the model's names


def weights_to_resume(checkpoint: Mapping[str, Any], file: str) -> dict[str, Tensor]:
    """The model's weights as they train.

    Args: checkpoint: what the file holds, "model" and perhaps TRAINED.
    Raises: InputError: TRAINED is damaged.
    """
    trained = checkpoint.get(TRAINED, {})
    if not isinstance(trained, Mapping) or trained.keys() - checkpoint["model"].keys():
        raise InputError(f"{file} is damaged: its entry {TRAINED!r} does not hold weights of its model")
    check_tensors(trained, file)
    return {**checkpoint["model"], **trained}
