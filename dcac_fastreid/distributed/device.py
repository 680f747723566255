"""The device that this process computes on: that of MODEL.DEVICE, and of several processes on GPUs that of the local rank."""

import torch
import torch.distributed as dist

from fastreid.utils import comm

_taken: torch.device | None = None


def take_device(name: str | torch.device) -> None:
    """From now on this is CUDA's current device, and that to which fast-reid's loaders bring their batches: the last one taken.

    PyTorch makes streams and pinned memory for the current device, whichever the model is on: of a model on the second GPU,
    a stream of the first would record nothing.

    Args:
        name: MODEL.DEVICE. "cuda", which names no GPU, is that of the local rank: of one process, the first.
    """
    global _taken
    device = torch.device(name)
    if device.type == "cuda":
        device = device if device.index is not None else torch.device("cuda", comm.get_local_rank())
        torch.cuda.set_device(device)
    _taken = device


def device_of_batches(local_rank: int) -> torch.device:
    """Where a loader brings its batches.

    Args: local_rank: the GPU, where nobody has taken a device, as in a script that knows nothing of it.
    """
    if _taken is not None:
        return _taken
    gpu = torch.cuda.is_available() and (comm.get_world_size() == 1 or dist.get_backend() == "nccl")
    return torch.device("cuda", local_rank) if gpu else torch.device("cpu")
