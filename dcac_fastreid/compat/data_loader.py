"""fast-reid's data loaders on every machine, without a thread of their own."""

from collections.abc import Iterator

from torch import Tensor
from torch.utils.data import DataLoader

from dcac_fastreid.distributed.device import device_of_batches
from fastreid.data import build


class DeviceLoader(DataLoader):
    """PyTorch's own loader behind the signature of the host's DataLoaderX: batches come on the device of this process.

    Args:
        local_rank: as `device_of_batches`.
        pin_memory: copies run beside the step; on the CPU unused, as PyTorch would warn.
    """

    def __init__(self, local_rank: int, pin_memory: bool = False, **kwargs):
        self.device = device_of_batches(local_rank)
        super().__init__(pin_memory=pin_memory and self.device.type == "cuda", **kwargs)

    def __iter__(self) -> Iterator[dict]:
        for batch in super().__iter__():
            yield {
                key: value.to(self.device, non_blocking=True) if isinstance(value, Tensor) else value
                for key, value in batch.items()
            }


def load_in_order() -> None:
    """fastreid/data/data_utils.py:151, DataLoaderX, makes a torch.cuda.Stream in every loader and reads ahead in a thread.

    Any PyTorch. Without a GPU: RuntimeError (Found no NVIDIA driver), at training and at --eval-only. With one: what is
    raised in the thread, of a broken image or a sampler, ends the thread (data_utils.py:121) and leaves the run waiting
    for ever; batches are copied on a stream that nothing keeps from overwriting them; with NUM_WORKERS 0 the thread draws
    from the random generators that the training draws from; and batches come on the GPU of the local rank, whatever
    MODEL.DEVICE says.
    """
    build.DataLoaderX = DeviceLoader
