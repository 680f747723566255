"""tools/train_net.py, whose last process fails; the environment says which fault, at which step, once.

FAULT: of FAULTS. STEP: of the run, from 0. LIMIT: seconds in which a step's processes wait for each other. Each process writes
its number of the system and its rank to FOLDER.
"""

import os
import signal
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

from torch.distributed import distributed_c10d

ROOT = Path(__file__).parents[2]

sys.argv[0] = str(ROOT / "tools" / "train_net.py")

from dcac_fastreid.commands.main import run_tool  # noqa: E402
from dcac_fastreid.engine.trainer import DCACTrainer  # noqa: E402
from dcac_fastreid.errors import DivergenceError, InputError  # noqa: E402
from fastreid.utils import comm  # noqa: E402


def raises(error: Exception):
    raise error


FAULTS = {
    "none": lambda: None,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "input": lambda: raises(InputError("planted is 1; expected 0")),
    "plain": lambda: raises(KeyError("planted")),
    "diverged": lambda: raises(DivergenceError("loss_cls is nan")),
    "sleeps": lambda: time.sleep(600),
}


def run_step(trainer) -> None:
    if comm.get_world_size() > 1:  # not earlier: until here a loaded machine may need longer
        with warnings.catch_warnings():  # PyTorch 2.14 has another name for it
            warnings.simplefilter("ignore")
            distributed_c10d._set_pg_timeout(timedelta(seconds=int(os.environ["LIMIT"])))
    failed, last = Path(f"{trainer.cfg.OUTPUT_DIR}.failed"), comm.get_world_size() - 1
    if comm.get_rank() == last and trainer.iter == int(os.environ["STEP"]) and not failed.exists():
        failed.touch()
        FAULTS[os.environ["FAULT"]]()
    host_run_step(trainer)
    Path(os.environ["FOLDER"], f"step {trainer.iter}").touch()


host_run_step, DCACTrainer.run_step = DCACTrainer.run_step, run_step
if "RANK" in os.environ or __name__ == "__mp_main__":
    Path(os.environ["FOLDER"], f"process {os.getpid()}").touch()

if __name__ == "__main__":
    run_tool("train")
