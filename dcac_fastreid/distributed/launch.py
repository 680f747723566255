"""How a command's processes begin: started by a launcher such as torchrun, or by fast-reid's own --num-gpus and its like."""

import os
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence

import torch
import torch.multiprocessing

from dcac_fastreid.distributed.join import Place, join, launched, leave
from dcac_fastreid.errors import InputError
from fastreid.utils import comm

AUTO = "auto"  # --dist-url: a free port of this machine
BAD_INPUT = 2  # exit status
TELLING = 2  # seconds in which one process tells its error: a launcher stops all when the first has ended
PER_CORE = 4  # processes that a machine without GPUs is asked for at most, by each of its cores


def processes_of(num_gpus: int, num_machines: int) -> int:
    """How many processes a run has: those of a launcher, else those that a command line asks for; raises as `launched`."""
    place = launched()
    return place.processes if place else max(num_gpus * num_machines, 1)


def check_processes(
    num_gpus: int, num_machines: int = 1, machine_rank: int = 0, dist_url: str = AUTO, *, on_gpus: bool | None = None
) -> None:
    """Looks at fast-reid's own options before any process is started.

    Args: on_gpus: whether processes compute on GPUs; None: where there are some.
    Raises: InputError: processes that this machine has no GPUs for, or that could not find each other; as `launched`.
    """
    place, gpus = launched(), torch.cuda.device_count() if on_gpus is not False else 0
    if num_gpus < 1:
        raise InputError(f"--num-gpus is {num_gpus}; expected 1 or more (1 also where there is no GPU)")
    if place and num_gpus * num_machines > 1:
        raise InputError(
            f"a launcher (torchrun) has started {place.processes} processes, and --num-gpus {num_gpus} --num-machines "
            f"{num_machines} asks for more; leave these options out, or start without the launcher"
        )
    if gpus and num_gpus > gpus:
        raise InputError(f"--num-gpus is {num_gpus}, PyTorch finds {gpus} on this machine; ask for fewer")
    if not gpus and num_gpus > PER_CORE * (os.cpu_count() or 1):
        raise InputError(
            f"--num-gpus is {num_gpus}, PyTorch finds no GPU to use on this machine, whose {os.cpu_count()} cores so many "
            f"processes would share; ask for {PER_CORE * (os.cpu_count() or 1)} or fewer"
        )
    if num_machines < 1 or not 0 <= machine_rank < num_machines:
        raise InputError(
            f"--machine-rank is {machine_rank} and --num-machines {num_machines}; expected a number from 0 to --num-machines - 1"
        )
    if num_machines > 1 and not re.fullmatch(r"tcp://[^\s/]+:\d+", dist_url):
        raise InputError(
            f"--dist-url is {dist_url}, by which {num_machines} machines do not find each other; name an address of the first "
            "one and a free port of it, the same on all, such as --dist-url tcp://10.0.0.1:29500"
        )


def launch(
    main: Callable,
    num_gpus: int,
    num_machines: int = 1,
    machine_rank: int = 0,
    dist_url: str = AUTO,
    args: Sequence = (),
    *,
    on_gpus: bool | None = None,
) -> None:
    """Calls main(*args) in every process of the run: in this one alone, in one of a launcher's, or in those started here.

    As fast-reid's, whose arguments these are, and also without GPUs. On one machine the processes find each other by a free
    port, whatever `dist_url` says.

    Args: on_gpus: whether processes compute on GPUs; None: where there are some.
    Raises: InputError: as `check_processes` and `join`. SystemExit: a process that was started here has ended with this status.
    """
    check_processes(num_gpus, num_machines, machine_rank, dist_url, on_gpus=on_gpus)
    on_gpus = torch.cuda.is_available() if on_gpus is None else on_gpus
    if place := launched():
        _run(place, on_gpus, "env://", main, args)
    elif num_gpus * num_machines == 1:
        main(*args)
    else:
        address = dist_url if num_machines > 1 else f"tcp://127.0.0.1:{_free_port()}"
        _start(num_gpus, num_machines, machine_rank, (on_gpus, address, main, args))


def together(function: Callable[[], None]) -> None:
    """Calls a function in every process; where it raises in one, all end: the first that has failed with its own error.

    Raises: what the function has raised; SystemExit, without a word, where another process tells it.
    """
    error = None
    try:
        function()
    except Exception as raised:
        error = raised
    failed = comm.all_gather(error is not None)
    if any(failed):
        if error and failed.index(True) == comm.get_rank():
            raise error
        time.sleep(TELLING)
        sys.exit(BAD_INPUT)


def _start(num_gpus: int, num_machines: int, machine_rank: int, of_process: tuple) -> None:
    try:
        torch.multiprocessing.spawn(
            _started, (num_gpus, num_gpus * num_machines, machine_rank, *of_process), nprocs=num_gpus
        )
    except torch.multiprocessing.ProcessExitedException as error:
        if error.exit_code > 0:  # it has said why
            sys.exit(error.exit_code)
        raise InputError(f"a process of the run was ended from outside ({error}); go on with --resume") from error


def _started(local_rank: int, num_gpus: int, processes: int, machine_rank: int, on_gpus: bool, *rest) -> None:
    if not on_gpus and "OMP_NUM_THREADS" not in os.environ:  # else each would compute on all cores
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // num_gpus))
    _run(Place(machine_rank * num_gpus + local_rank, processes, local_rank), on_gpus, *rest)


def _run(place: Place, on_gpus: bool, address: str, main: Callable, args: Sequence) -> None:
    join(place, on_gpus=on_gpus, address=address)
    main(*args)
    leave()  # not after an error: another process may still be waiting for this one


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
