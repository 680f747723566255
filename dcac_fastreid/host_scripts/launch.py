"""How a script starts its processes: fast-reid's own way, or that of a launcher such as torchrun."""

from collections.abc import Callable, Sequence

from dcac_fastreid.distributed import launch as ours
from dcac_fastreid.engine.setup import on_gpus


def launch(
    main_func: Callable,
    num_gpus_per_machine: int,
    num_machines: int = 1,
    machine_rank: int = 0,
    dist_url: str = ours.AUTO,
    args: Sequence = (),
) -> None:
    """fast-reid's, also without GPUs, and in a process that torchrun has started. Raises as ours.launch."""
    machines = num_gpus_per_machine, num_machines, machine_rank, dist_url
    options = [each for each in args if hasattr(each, "config_file") and hasattr(each, "opts")]
    ours.launch(main_func, *machines, args, on_gpus=on_gpus(options[0]) if options else None)
