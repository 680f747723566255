"""How a script starts its processes, one for each GPU."""

from collections.abc import Callable

from dcac_fastreid.engine.settings import check_gpus
from fastreid.engine import launch as host_launch


def launch(main_func: Callable, num_gpus_per_machine: int, *others, **named) -> None:
    """fast-reid's. Raises InputError where this machine has not so many GPUs."""
    check_gpus(num_gpus_per_machine)
    host_launch(main_func, num_gpus_per_machine, *others, **named)
