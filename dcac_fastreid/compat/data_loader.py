"""fast-reid's data loaders on a machine without a GPU."""

import torch
from torch.utils.data import DataLoader

from fastreid.data import build


class PlainDataLoader(DataLoader):
    """PyTorch's own loader behind the signature of the host's DataLoaderX.

    Args:
        local_rank: the GPU that the host's loader copies to; unused.
        pin_memory: unused: pinned memory speeds up copies to a GPU, and without one PyTorch warns.
    """

    def __init__(self, local_rank: int, pin_memory: bool = False, **kwargs):
        super().__init__(**kwargs)


def load_without_cuda() -> None:
    """fastreid/data/data_utils.py:151 makes a torch.cuda.Stream in every loader, whatever MODEL.DEVICE says.

    Any PyTorch without a GPU: RuntimeError (Found no NVIDIA driver), at training and at --eval-only. With a GPU the
    host's loader stays.
    """
    if not torch.cuda.is_available():
        build.DataLoaderX = PlainDataLoader
