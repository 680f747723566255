"""How a script starts its processes: fast-reid's own way, or that of a launcher such as torchrun."""

from collections.abc import Callable, Sequence

from dcac_fastreid.distributed import launch as ours


def launch(
    main_func: Callable,
    num_gpus_per_machine: int,
    num_machines: int = 1,
    machine_rank: int = 0,
    dist_url: str = ours.AUTO,
    args: Sequence = (),
) -> None:
    """fast-reid's, also without GPUs, and in a process that torchrun has started. Raises as ours.launch."""
    ours.launch(main_func, num_gpus_per_machine, num_machines, machine_rank, dist_url, args)
