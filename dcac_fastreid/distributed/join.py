"""One process becomes one of several: torch.distributed's group, joined as a launcher's environment or a command line says.

fast-reid's comm is how all else asks for rank and size. Of one process there is no group.
"""

import os
import socket
from typing import NamedTuple

import torch
import torch.distributed as dist

from dcac_fastreid.errors import InputError
from fastreid.utils import comm

RANK, PROCESSES, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"  # environment variables of torchrun
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
ENVIRONMENT = "env://"  # where PyTorch finds the address that a launcher has set


class Place(NamedTuple):
    """Of a process: its number among all, how many there are, and its number on its machine, which is that of its GPU."""

    rank: int
    processes: int
    local_rank: int


def launched() -> Place | None:
    """What a launcher such as torchrun says in the environment; None where it has started one process, or there is none.

    Raises: InputError: it is half set, or does not fit itself.
    """
    said = {name: os.environ.get(name, "") for name in (RANK, PROCESSES, LOCAL_RANK)}
    if not any(said.values()) or said[PROCESSES] == "1":
        return None
    missing = [name for name in (*said, *ADDRESS) if not os.environ.get(name)]
    if missing:
        there = ", ".join(f"{name} {value}" for name, value in said.items() if value)
        raise InputError(
            f"a launcher has set {there} in the environment, but not {', '.join(missing)}; start with torchrun, which sets "
            f"them all, or unset {', '.join(name for name, value in said.items() if value)} for one process"
        )
    if not all(value.isdecimal() for value in said.values()):
        raise InputError(
            f"the environment has {', '.join(f'{name} {value!r}' for name, value in said.items())}; expected whole numbers, as "
            "torchrun sets them"
        )
    place = Place(*map(int, said.values()))
    if not place.local_rank <= place.rank < place.processes:
        raise InputError(
            f"the environment has {RANK} {place.rank}, {PROCESSES} {place.processes} and {LOCAL_RANK} {place.local_rank}; "
            f"expected {LOCAL_RANK} <= {RANK} < {PROCESSES}, as torchrun sets them"
        )
    return place


def check_joined() -> None:
    """Raises InputError: a launcher has started this process with others, and it has not joined them: each would make the run."""
    place = launched()
    if place and comm.get_world_size() == 1:
        raise InputError(
            f"{PROCESSES} is {place.processes}: a launcher (torchrun) has started {place.processes} processes, each of which "
            "would make the whole run; start one, without the launcher, or train with dcac-fastreid train, "
            "whose processes share a run"
        )


def join(place: Place, *, on_gpus: bool, address: str = ENVIRONMENT) -> None:
    """Waits until all processes are there; from then on fast-reid's comm knows them.

    Args:
        on_gpus: nccl, and this process computes on the GPU of its local rank; else gloo.
        address: PyTorch's init_method.
    Raises: InputError: the machine has fewer GPUs than processes.
    """
    if on_gpus and place.local_rank >= torch.cuda.device_count():
        raise InputError(
            f"this machine has {torch.cuda.device_count()} GPUs, but a process number {place.local_rank} from 0; start one process "
            "for each GPU, or set MODEL.DEVICE cpu"
        )
    device = torch.device("cuda", place.local_rank) if on_gpus else None
    if device:
        torch.cuda.set_device(device)
    dist.init_process_group(
        "nccl" if on_gpus else "gloo",
        init_method=address,
        rank=place.rank,
        world_size=place.processes,
        device_id=device,
    )
    for ranks in machines(comm.all_gather((socket.gethostname(), place.local_rank))):
        group = dist.new_group(ranks)  # every process makes each of them
        if place.rank in ranks:
            comm._LOCAL_PROCESS_GROUP = group


def leave() -> None:
    """The counterpart of `join`, at the end of a run."""
    dist.destroy_process_group()
    comm._LOCAL_PROCESS_GROUP = None
    comm._get_global_gloo_group.cache_clear()


def machines(processes: list[tuple[str, int]]) -> list[list[int]]:
    """The ranks on each machine, local rank 0 first. Several launchers on one host count as machines.

    Args: processes: host and local rank, of each rank.
    """
    found: dict[tuple[str, int], list[int]] = {}
    for rank, (host, local_rank) in enumerate(processes):
        number = processes[:rank].count((host, local_rank))  # launchers on this host that had this local rank before
        found.setdefault((host, number), []).append(rank)
    return list(found.values())
