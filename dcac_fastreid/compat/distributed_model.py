"""A model that several processes train, on CPU and GPU."""

import inspect

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from fastreid.engine import defaults


def distributed(model: nn.Module, device_ids: list[int], **settings) -> DistributedDataParallel:
    """PyTorch's, which takes the mean of the processes' gradients.

    Left out are the weights of which the model knows that no gradient reaches them (`unused_parameters`). Where it says that
    others may have none (`may_leave_weights_out`), they are looked for at every step.
    """
    left_out = {*model.unused_parameters()} if hasattr(model, "unused_parameters") else set()
    names = [name for name, weight in model.named_parameters() if weight in left_out]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)
    on_gpu = next(model.parameters()).is_cuda
    if "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters:  # its name of today
        settings["forward_sync_buffers"] = settings.pop("broadcast_buffers")
    return DistributedDataParallel(
        model,
        device_ids=device_ids if on_gpu else None,
        find_unused_parameters=getattr(model, "may_leave_weights_out", False),
        gradient_as_bucket_view=True,  # no copy of the gradients on the way to the other processes and back
        **settings,
    )


def wrap_for_any_device() -> None:
    """fastreid/engine/defaults.py:211 hands device_ids to DistributedDataParallel also where the model is on the CPU.

    Any version: ValueError (device_ids ... module parameters on cpu). A weight that gets no gradient, as of layers that
    MODEL.FREEZE_LAYERS holds: RuntimeError, Expected to have finished reduction, at the second step. PyTorch >= 2.13:
    FutureWarning, broadcast_buffers is deprecated.
    """
    defaults.DistributedDataParallel = distributed
