"""SOLVER.DETERMINISTIC: on a GPU, too, runs of one SEED are alike to the bit."""

import os

import torch


def compute_deterministically() -> None:
    """For the rest of the process, which has made no matrix product on a GPU yet: cuBLAS reads its variable at the first one.

    An operation that has no deterministic form then raises PyTorch's RuntimeError, which names it.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # of the two sizes that PyTorch accepts, the faster one
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # writes to what is then written again
    torch.backends.cudnn.benchmark = False  # which chooses an algorithm by the time that it took
