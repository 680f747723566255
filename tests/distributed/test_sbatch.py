"""docs/train.sbatch and the lines of docs/training.md: as bash, torchrun and our own parser read them."""

import argparse
import shlex
import subprocess
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from dcac_fastreid.commands import train
from dcac_fastreid.shipped import config_path
from dcac_fastreid.training_options import check_options

DOCS = Path(__file__).parents[2] / "docs"
SBATCH = DOCS / "train.sbatch"
OF_SLURM = {"$SLURM_JOB_NUM_NODES": "2", "$SLURM_JOB_ID": "7", "$gpus": "4", "$first": "node1"}


def torchrun_lines(text: str) -> list[str]:
    lines = text.replace("\\\n", " ").splitlines()
    return [line[line.index("torchrun") :] for line in lines if line.startswith(("torchrun --", "srun "))]


def test_bash_reads_the_file():
    assert subprocess.run(["bash", "-n", SBATCH], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize(
    "line", [*torchrun_lines(SBATCH.read_text()), *torchrun_lines((DOCS / "training.md").read_text())]
)
def test_torchrun_and_train_take_the_line(line):
    for variable, value in OF_SLURM.items():
        line = line.replace(variable, value)
    assert "$" not in line
    of_torchrun = get_args_parser().parse_args(shlex.split(line)[1:])
    ours = list(of_torchrun.training_script_args)
    if of_torchrun.module:
        assert of_torchrun.training_script == "dcac_fastreid" and ours.pop(0) == "train"
    parser = argparse.ArgumentParser()
    train.add_options(parser)
    args = parser.parse_args(ours)
    check_options(args)
    assert config_path(args.config_file) and args.opts[0] == "OUTPUT_DIR" and len(args.opts) == 2
    assert args.resume == ("--resume" in line)


def test_there_are_lines_to_read():
    assert len(torchrun_lines(SBATCH.read_text())) == 1 and len(torchrun_lines((DOCS / "training.md").read_text())) == 3
