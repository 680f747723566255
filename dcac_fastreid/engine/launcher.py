"""Has a launcher such as torchrun started this run several times?"""

import os

from dcac_fastreid.errors import InputError
from fastreid.utils import comm

PROCESSES = "WORLD_SIZE"  # torchrun's environment variable


def check_launcher() -> None:
    """Raises InputError: this is one of several processes that do not know of each other, and would each make a whole run.

    Processes that have joined, as those of fast-reid's --num-gpus, are left alone.
    """
    asked = os.environ.get(PROCESSES, "")
    if asked.isdecimal() and int(asked) > 1 and comm.get_world_size() == 1:
        raise InputError(
            f"{PROCESSES} is {asked}: a launcher (torchrun) starts {asked} processes, each of which would make the whole run; "
            "several processes are not supported yet, so start one, without the launcher"
        )
