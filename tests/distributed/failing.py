"""What the processes of a job do of which one fails: `launch` starts them, and they import this file."""

import os
import signal

import torch.distributed

from dcac_fastreid.errors import InputError
from fastreid.utils import comm


def one_fails(fault: str) -> None:
    """Process 1 fails, as the others wait for it."""
    if comm.get_rank() != 1:
        torch.distributed.barrier()
    elif fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "input":
        raise InputError("planted is 1; expected 0")
