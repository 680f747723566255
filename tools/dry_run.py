"""A full-size dry run of a training on real data, with random weights in the real file formats: 9 GB of memory, 4 GB of disk.

`make dry-run` runs it: two training steps and an evaluation of configs/DCAC/ma_ms.yml as it is shipped, the same with
--resume, and --eval-only with Stable Diffusion moved away. All files but the logs lie in a temporary folder.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable, and an import that is interrupted quiet

# isort: split

import torch
from tabulate import tabulate

from dcac_fastreid.arguments import as_path
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.output_files import check_writable
from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "DCAC" / "ma_ms.yml"
LOGS = Path("logs") / "dry_run"
DATASETS, CLIP, STABLE_DIFFUSION = "datasets", "weights/ViT-B-16.pt", "weights/stable-diffusion-v1-5"  # in the folder
SEED = 0
# 16 training images: two steps of batch 8.
COUNTS = Counts(train_ids=4, train_images=4, test_ids=4, queries=1, gallery=4)


class Failed(Exception):
    """The dry run failed: which stage, how, and where its log is."""


@dataclass(frozen=True)
class Stage:
    name: str
    seconds: float
    peak_memory: int  # bytes
    scores: tuple[str, ...] = ()  # of the evaluation table: Rank-1, Rank-5, Rank-10, mAP, mINP, metric


def dry_run(folder: Path, logs: Path) -> tuple[list[Stage], int]:
    """Prepares and runs all stages in an empty folder; returns them and the size of the checkpoint in bytes.

    Raises: Failed.
    """
    # In a process of its own: its memory goes, and a process that this one starts counts the peak of this one as its own.
    stages = [run_stage("prepare", [sys.executable, __file__, "--prepare", folder], logs, folder, evaluates=False)]
    settings = {
        "DATASETS.ROOT": folder / DATASETS,
        "MODEL.BACKBONE.PRETRAIN_PATH": folder / CLIP,
        "MODEL.DCAC.DIFFUSION.WEIGHTS": folder / STABLE_DIFFUSION,
        "SOLVER.IMS_PER_BATCH": 8,
        "SOLVER.MAX_EPOCH": 1,
        "OUTPUT_DIR": folder / "out",
    }
    checkpoint = folder / "out" / "model_final.pth"
    script = [sys.executable, ROOT / "tools" / "train_net.py", "--config-file", CONFIG]
    words = [word for pair in settings.items() for word in pair]
    cache = folder / "cache"
    stages.append(run_stage("train", [*script, *words], logs, cache))
    check_steps(logs / "train.txt")
    stages.append(run_stage("resume", [*script, "--resume", *words], logs, cache))
    (folder / STABLE_DIFFUSION).rename(folder / "moved-away")
    stages.append(run_stage("evaluate", [*script, "--eval-only", *words, "MODEL.WEIGHTS", checkpoint], logs, cache))
    check_agreement(stages[1:], logs)
    return stages, checkpoint.stat().st_size


def prepare(folder: Path) -> None:
    """Makes the images and writes the weights."""
    check_writable(folder, "images and weights shall go to")
    make_data_set(folder / DATASETS, SEED, counts=COUNTS, domains=("market1501", "msmt17"))
    write_clip(folder / CLIP)
    write_stable_diffusion(folder / STABLE_DIFFUSION)


def write_clip(file: Path) -> None:
    """CLIP ViT-B/16 with random weights, as OpenAI's file."""
    import open_clip

    torch.manual_seed(SEED)
    save_as_openai(open_clip.CLIP(**open_clip.get_model_config("ViT-B-16-quickgelu")), file)


def save_as_openai(model: torch.nn.Module, file: Path) -> None:
    """A TorchScript archive of OpenAI's names and precisions: fp16, but for normalisations and embeddings.

    Args:
        model: open_clip.CLIP, whose names these are. Its weights become fp16 in place.
    """
    from open_clip.model import convert_weights_to_lp

    convert_weights_to_lp(model, torch.float16)
    weights = model.state_dict()
    sizes = {"input_resolution": 224, "context_length": 77, "vocab_size": 49408}
    archive = _Names()
    for name, value in {**weights, **{name: torch.tensor(size) for name, size in sizes.items()}}.items():
        *path, last = name.split(".")
        place = archive
        for step in path:
            if step not in place._modules:
                place.add_module(step, _Names())
            place = place._modules[step]
        place.register_buffer(last, value)
    file.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; OpenAI's file is what it is
        torch.jit.script(archive).save(str(file))


class _Names(torch.nn.Module):
    """A tree of names for a TorchScript archive."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def write_stable_diffusion(folder: Path) -> None:
    """Stable Diffusion 1.5 with random weights as in the hub's fp16 files: unet/, vae/, scheduler/."""
    architecture = stable_diffusion.SD15_ARCHITECTURE
    torch.manual_seed(SEED)
    for part in ("unet", "vae"):
        whole = stable_diffusion.empty_denoiser if part == "unet" else stable_diffusion.empty_encoder
        getattr(whole(architecture), part).half().save_pretrained(folder / part, variant="fp16")
    (folder / "scheduler").mkdir()
    name = Path("scheduler") / "scheduler_config.json"
    (folder / name).write_text((architecture / name).read_text())


def run_stage(name: str, command: Sequence, logs: Path, cache: Path, evaluates: bool = True) -> Stage:
    """Runs a command; its output goes to a file in `logs`.

    Args:
        evaluates: it must print an evaluation table.
    Raises: Failed: another exit status than 0, or no table.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.txt"
    environment = {**os.environ, "DCAC_FASTREID_CACHE": str(cache)}
    start = time.perf_counter()
    with open(log, "w") as stream:
        process = subprocess.Popen(list(map(str, command)), stdout=stream, stderr=stream, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        killed = ", killed, perhaps for want of memory" if process.returncode == -9 else ""
        raise Failed(f"stage {name!r} ended with status {process.returncode}{killed}; its log is {log}")
    seconds = time.perf_counter() - start
    tables = re.findall(r"\| DG_\w+ +\|(.*)\|", log.read_text())
    if evaluates and not tables:
        raise Failed(f"stage {name!r} printed no evaluation table; its log is {log}")
    scores = tuple(score.strip() for score in tables[-1].split("|")) if tables else ()
    return Stage(name, seconds, usage.ru_maxrss * 1024, scores)


def check_steps(log: Path) -> None:
    """Raises Failed where the training was not one epoch of two steps with a diffusion loss."""
    steps = re.findall(r"epoch/iter: (\S+) .*loss_diffusion", log.read_text())
    if not steps or steps[-1] != "0/1":  # counted from 0
        raise Failed(f"stage 'train' logged the steps {steps} instead of a last one 0/1; its log is {log}")


def check_agreement(stages: Sequence[Stage], logs: Path) -> None:
    """Raises Failed where the evaluations of one checkpoint differ."""
    for stage in stages[1:]:
        if stage.scores != stages[0].scores:
            raise Failed(
                f"stage {stage.name!r} evaluates to {stage.scores}, {stages[0].name!r} to {stages[0].scores}, with the same "
                f"checkpoint; the logs are in {logs}"
            )


def table(stages: Sequence[Stage], checkpoint: int) -> str:
    rows = [(stage.name, f"{stage.seconds:.0f}", f"{stage.peak_memory / 1e9:.1f}") for stage in stages]
    return (
        tabulate(rows, headers=("stage", "seconds", "peak memory, GB"), disable_numparse=True, tablefmt="github")
        + f"\ncheckpoint: {checkpoint / 1e9:.2f} GB; the {len(stages) - 1} evaluations agree"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Full-size dry run of a training on real data, with random weights")
    parser.add_argument("--prepare", metavar="DIR", help="only write images and weights into a folder")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        if args.prepare is not None:
            prepare(as_path(args.prepare, "--prepare"))
            sys.exit()
        try:
            with tempfile.TemporaryDirectory(prefix="dcac-dry-run-") as folder:
                stages, size = dry_run(Path(folder), LOGS)
        except Failed as failure:
            print(f"error: the dry run failed: {failure}", file=sys.stderr)
            sys.exit(1)
        print(table(stages, size))
