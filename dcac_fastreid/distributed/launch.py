"""How a command's processes begin: started by a launcher such as torchrun, or by fast-reid's own --num-gpus and its like."""

import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from urllib.parse import urlsplit

import torch
from torch.distributed import Store, TCPStore

from dcac_fastreid.command_line import BAD_INPUT, TORCHRUN, one_sentence_errors, terminate
from dcac_fastreid.distributed.failure import TELLING, Ending, one_tells
from dcac_fastreid.distributed.join import (
    ADDRESS,
    ENVIRONMENT,
    LIMIT,
    Place,
    another_connection,
    join,
    launched,
    leave,
    meet,
    of_start,
)
from dcac_fastreid.distributed.turns import wait_for_all
from dcac_fastreid.distributed.watch import watched
from dcac_fastreid.errors import InputError, Terminated, first_line
from dcac_fastreid.helper_processes import end_with

AUTO = "auto"  # --dist-url: a free port of this machine
THIS_MACHINE = "127.0.0.1"
HEARS = "hears signals"  # in the store, of a process that Ctrl-C and SIGTERM do not meet in its imports any more
ALONE = timedelta(seconds=10)  # in which the store of a launcher answers that has started one process
END = 15  # seconds that the processes of a job have to end by themselves
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
        _run(place, on_gpus, ENVIRONMENT, main, args)
    elif num_gpus * num_machines == 1:
        if all(map(os.environ.get, (TORCHRUN, *ADDRESS))):
            # torchrun may start this process again, which then goes on with its run. Where no launcher answers, the variables
            # are left over from an earlier one.
            with suppress(RuntimeError):
                meet(Place(0, 1, 0), limit=ALONE)
        main(*args)
    else:
        _start(num_gpus, num_machines, machine_rank, dist_url, (on_gpus, main, args))


def _start(num_gpus: int, num_machines: int, machine_rank: int, dist_url: str, of_process: tuple) -> None:
    at = urlsplit(dist_url if num_machines > 1 else f"tcp://{THIS_MACHINE}:0")  # port 0: a free one
    try:
        store = TCPStore(at.hostname, at.port, is_master=machine_rank == 0, wait_for_workers=False, timeout=LIMIT)
    except RuntimeError as error:  # the port is taken, or nobody answers
        raise InputError(
            f"--dist-url is {dist_url}, which cannot be {'opened' if machine_rank == 0 else 'reached'} "
            f"({first_line(error)}); name a free port of machine 0, the same on all, and start machine 0, too"
        ) from error
    address = f"tcp://{at.hostname}:{store.port}"
    places = [
        Place(machine_rank * num_gpus + local_rank, num_gpus * num_machines, local_rank)
        for local_rank in range(num_gpus)
    ]
    spawn = multiprocessing.get_context("spawn")
    processes = {
        place.rank: spawn.Process(target=_started, args=(place, num_gpus, address, *of_process)) for place in places
    }
    ending = Ending(of_start(store))
    # For Python's process that tidies up behind the others: of a killed one it would warn that it had to.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    interrupted = None
    try:
        for process in processes.values():
            process.start()
        if (failed := _first_failed(processes)) is not None:
            try:
                _tell_end(failed, processes[failed].exitcode, ending)
            finally:
                _stop(processes, signal.SIGTERM, store)
            sys.exit(ending.told() or BAD_INPUT)
    except KeyboardInterrupt as interrupt:
        _stop(processes, signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT, store)
        interrupted = interrupt
    finally:
        for process in processes.values():
            if process.is_alive():
                process.kill()
    if interrupted:  # not in `except`: the exit would be because of the interrupt, and tell it
        if status := ending.told():
            sys.exit(status)
        raise interrupted


def _first_failed(processes: dict[int, BaseProcess]) -> int | None:
    """The rank of the first process that ends with another status than 0; None as soon as all have ended with that."""
    running = dict(processes)
    while running:
        connection.wait([process.sentinel for process in running.values()])
        # Asked once: one that ends between two questions would count as ended well.
        statuses = {rank: process.exitcode for rank, process in running.items()}
        for rank, status in statuses.items():
            if status:
                return rank
        running = {rank: process for rank, process in running.items() if statuses[rank] is None}
    return None


def _tell_end(rank: int, status: int, ending: Ending) -> None:
    """Raises InputError where no process of the run tells why it ends: this one was killed, or has ended without a word."""
    if status > 0 and ending.told(TELLING) is not None:
        return
    if ending.claim():
        ending.tell(BAD_INPUT)
        how = (
            f"by {signal.Signals(-status).name}, from outside or for want of memory" if status < 0 else "without a word"
        )
        raise InputError(f"process {rank} of the run has ended {how}; go on with --resume")


def _stop(processes: dict[int, BaseProcess], number: int, store: Store) -> None:
    """By a signal, which ends each as it ends a process alone; a process without a handler for it is killed. Waits END seconds."""
    for rank, process in processes.items():
        if process.is_alive() and _hears(rank, store):
            os.kill(process.pid, number)
        elif process.is_alive():
            process.kill()
    deadline = time.monotonic() + END
    for process in processes.values():
        if process.pid:
            process.join(max(0, deadline - time.monotonic()))


def _hears(rank: int, store: Store) -> bool:
    """Whether a process has its handlers of signals; where the store is gone, on another machine, it has."""
    try:
        return store.check([f"{HEARS} {rank}"])
    except RuntimeError:
        return True


def _started(place: Place, num_gpus: int, address: str, on_gpus: bool, main: Callable, args: Sequence) -> None:
    end_with(multiprocessing.parent_process().pid)
    multiprocessing.set_start_method(None, force=True)  # a loader's processes begin as they do without --num-gpus
    os.setsid()  # the terminal's Ctrl-C goes to the parent alone, which passes it on, once
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, terminate)
    if "OMP_NUM_THREADS" not in os.environ:  # else each would compute on all cores; on GPUs too, ranking and decoding
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // num_gpus))
    at = urlsplit(address)
    with one_sentence_errors():
        TCPStore(at.hostname, at.port, is_master=False, timeout=LIMIT).set(f"{HEARS} {place.rank}", "")
    _run(place, on_gpus, address, main, args)


def _run(place: Place, on_gpus: bool, address: str, main: Callable, args: Sequence) -> None:
    store = meet(place, address)
    ending = Ending(another_connection())
    with one_tells(ending, place), watched(ending, place):
        join(place, store, on_gpus=on_gpus)
        main(*args)
        wait_for_all()
    leave()
