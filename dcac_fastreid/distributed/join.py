"""One process becomes one of several: torch.distributed's group, joined as a launcher's environment or a command line says.

fast-reid's comm is how all else asks for rank and size. Of one process there is no group.
"""

import os
import socket
import time
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

import torch
import torch.distributed as dist

from dcac_fastreid.distributed.device import take_device
from dcac_fastreid.errors import InputError, each_alone
from fastreid.utils import comm

RANK, PROCESSES, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"  # environment variables of torchrun
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
ENVIRONMENT = "env://"  # where PyTorch finds the address that a launcher has set
LIMIT = timedelta(minutes=30)  # in which all processes come to where one waits for them in a step
OF_NCCL = LIMIT + timedelta(minutes=5)  # behind which NCCL ends a process, with a trace: later than watch.py
PATIENCE = timedelta(days=1)  # the same where one works for all, or each on its part of an evaluation
POLL = 0.05  # seconds

_store_of_job: dist.TCPStore | None = None  # the same in all starts of a job
_start = 1  # the number of this start
_patient_group: dist.ProcessGroup | None = None


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
        raise each_alone(
            place.processes,
            "start one, without the launcher, or train with dcac-fastreid train, whose processes share a run",
        )


def meet(place: Place, address: str = ENVIRONMENT, limit: timedelta = LIMIT) -> dist.Store:
    """The store by which the processes of this start of a job find each other.

    Args:
        address: that of a launcher, or tcp://HOST:PORT of a store that another process has.
        limit: in which the store answers.
    """
    global _store_of_job, _start
    if address == ENVIRONMENT:
        store, _, _ = next(dist.rendezvous(address, place.rank, place.processes, timeout=limit))
    else:
        at = urlsplit(address)
        store = dist.TCPStore(at.hostname, at.port, is_master=False, timeout=limit)
    while isinstance(store, dist.PrefixStore):  # PyTorch < 2.14 has one for each start
        store = store.underlying_store
    _store_of_job = store
    _start = _start_of_all(store, place) if address == ENVIRONMENT else 1
    return of_start(store, _start)


def another_connection() -> dist.Store:
    """To the store of this start, for other threads: on a connection one waits while another one waits for an answer."""
    return of_start(dist.TCPStore(_store_of_job.host, _store_of_job.port, is_master=False, timeout=LIMIT), _start)


def of_start(store: dist.Store, number: int = 1) -> dist.Store:
    """Of a job's store the part of one start of its processes. A launcher may start them again, --num-gpus does not."""
    return dist.PrefixStore(f"start {number}", store)


def _start_of_all(store: dist.Store, place: Place) -> int:
    """How often a process of rank 0 has come here, which is the same number for all that come here together.

    torchrun's own counts are those of each machine. Counts that killed processes have left get an answer that nobody reads.
    """
    came, answer, heard = (
        (lambda rank: f"came {rank}"),
        (lambda *times: f"answer {times}"),
        (lambda *start: f"heard {start}"),
    )
    times = store.add(came(place.rank), 1)
    if place.rank:
        number = int(store.get(answer(place.rank, times)))
        store.set(heard(number, place.rank), "")
        return number
    missing, deadline = list(range(1, place.processes)), time.monotonic() + LIMIT.total_seconds()
    while missing:
        for rank in missing:
            store.set(answer(rank, store.add(came(rank), 0)), str(times))
        missing = [rank for rank in missing if not store.check([heard(times, rank)])]
        if time.monotonic() > deadline:
            raise InputError(
                f"of {place.processes} processes {len(missing)} have not come within {LIMIT.total_seconds() / 60:g} minutes "
                f"(numbers {', '.join(map(str, missing))}); start them, too"
            )
        time.sleep(POLL)
    return times


def join(place: Place, store: dist.Store, *, on_gpus: bool) -> None:
    """Waits until all processes are there; from then on fast-reid's comm knows them.

    Args: on_gpus: nccl, and this process computes on the GPU of its local rank; else gloo.
    Raises: InputError: the machine has fewer GPUs than processes.
    """
    global _patient_group
    if on_gpus and place.local_rank >= torch.cuda.device_count():
        raise InputError(
            f"this machine has {torch.cuda.device_count()} GPUs, but a process number {place.local_rank} from 0; start one process "
            "for each GPU, or set MODEL.DEVICE cpu"
        )
    device = torch.device("cuda", place.local_rank) if on_gpus else None
    take_device(device or "cpu")
    dist.init_process_group(
        "nccl" if on_gpus else "gloo",
        timeout=OF_NCCL if on_gpus else LIMIT,
        store=store,
        rank=place.rank,
        world_size=place.processes,
        device_id=device,
    )
    _patient_group = dist.new_group(backend="gloo", timeout=PATIENCE)
    for ranks in machines(comm.all_gather((socket.gethostname(), place.local_rank))):
        if place.rank in ranks:  # asked for rank and size alone
            comm._LOCAL_PROCESS_GROUP = dist.new_group(ranks, backend="gloo", use_local_synchronization=True)


def leave() -> None:
    """The counterpart of `join`, at the end of a run."""
    global _patient_group, _store_of_job
    dist.destroy_process_group()
    comm._LOCAL_PROCESS_GROUP = _patient_group = _store_of_job = None
    comm._get_global_gloo_group.cache_clear()


def patient_group() -> dist.ProcessGroup:
    """All processes, on the CPU, waiting for each other up to PATIENCE; of a job that was not joined here, fast-reid's group."""
    return _patient_group or comm._get_global_gloo_group()


def has_begun(folder: str) -> bool:
    """Whether an earlier start of this job's processes has begun its run in this folder: torchrun starts them again when one
    has failed.
    """
    return _store_of_job is not None and _store_of_job.check([_begun(folder)])


def begin(folder: str) -> None:
    """From now on what this folder holds is this job's run, also for later starts of its processes."""
    if _store_of_job is not None:
        _store_of_job.set(_begun(folder), "")


def _begun(folder: str) -> str:
    return f"begun {os.path.realpath(folder)}"


def machines(processes: list[tuple[str, int]]) -> list[list[int]]:
    """The ranks on each machine, local rank 0 first. Several launchers on one host count as machines.

    Args: processes: host and local rank, of each rank.
    """
    found: dict[tuple[str, int], list[int]] = {}
    for rank, (host, local_rank) in enumerate(processes):
        number = processes[:rank].count((host, local_rank))  # launchers on this host that had this local rank before
        found.setdefault((host, number), []).append(rank)
    return list(found.values())
