"""Which GPUs does each of several trainings at a time get?"""

import os
from collections.abc import Sequence

import torch

VARIABLE = "CUDA_VISIBLE_DEVICES"


def groups_of_gpus(num_gpus: int, device: str) -> list[str]:
    """What CUDA_VISIBLE_DEVICES is for each training, so that no two share a GPU; [] where none is to be shared out.

    Of the GPUs that the variable shows to this process, where it is set, with their names there; the last ones stay unused
    where `num_gpus` does not divide their number.

    Args:
        num_gpus: of one training.
        device: MODEL.DEVICE; of "cpu" and of a GPU by its number, such as "cuda:1", there is nothing to share out.
    """
    if device != "cuda":
        return []
    count, names = torch.cuda.device_count(), os.environ.get(VARIABLE)
    visible = names.split(",") if names is not None else list(map(str, range(count)))
    visible = [
        name.strip() for name in visible
    ]  # CUDA stops at the first name that it does not know: `count` are there
    return [",".join(visible[first : first + num_gpus]) for first in range(0, count - num_gpus + 1, num_gpus)]


class Places:
    """A place for each of so many trainings at a time; more of them than groups share these, as evenly as can be.

    Args: groups: as `groups_of_gpus`.
    """

    def __init__(self, jobs: int, groups: Sequence[str]):
        self._free = list(range(jobs))
        self._groups = groups

    def take(self) -> tuple[int, dict[str, str]]:
        """A free place, and what the environment of a process there has besides."""
        place = self._free.pop(0)
        return place, {VARIABLE: self._groups[place % len(self._groups)]} if self._groups else {}

    def give_back(self, place: int) -> None:
        self._free.append(place)
        self._free.sort()
