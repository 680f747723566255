"""A program that evaluates in each of the given numbers of processes, of one thread each, and writes what each process found.

    python several_processes.py CONFIG FOLDER NUMBER...

FOLDER gets PROCESSES-RANK.pt, its standard output PROCESSES-RANK.txt, and metrics.json of each number of processes.
"""

import json
import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import distributed

import dcac_fastreid
from dcac_fastreid.data import with_local_weights
from dcac_fastreid.distributed.shared_work import processes_of_job
from dcac_fastreid.errors import InputError
from dcac_fastreid.evaluation import reciprocal, scores
from fastreid.engine import hooks
from fastreid.modeling import build_model
from fastreid.utils import comm
from fastreid.utils.events import EventStorage, JSONWriter
from fastreid.utils.logger import setup_logger

BATCHES = (7, 32)  # of 30 images: five, which neither two nor three divide, and one, so that others have none
EXPANSION = {"times": 2, "neighbours": 5, "alpha": 3}
RERANKING = {"k1": 20, "k2": 6, "weight": 0.3}
SETTINGS = {
    "cosine": {"metric": "cosine"},
    "euclidean": {"metric": "euclidean"},
    "expansion": {"metric": "cosine", "expansion": EXPANSION},
    "re-ranking": {"metric": "euclidean", "reranking": RERANKING},
    "all": {"metric": "cosine", "expansion": EXPANSION, "reranking": RERANKING},
}
QUERIES, GALLERY, WIDTH = 61, 950, 16


def made_features():
    """Of 40 people, hard to find; 61 queries and 950 gallery images: blocks, and parts of three, that are not alike."""
    generator = torch.Generator().manual_seed(0)
    pids = torch.randint(40, (QUERIES + GALLERY,), generator=generator)
    noise = torch.randn(len(pids), WIDTH, generator=generator)
    features = torch.randn(40, WIDTH, generator=generator)[pids] + 1.5 * noise
    return features, pids, torch.randint(4, (len(pids),), generator=generator)


def score(features, pids, camids, **settings):
    of_queries = {}
    results = scores(
        features, pids, camids, QUERIES, roc=True, of_queries=of_queries, processes=processes_of_job(),
        memory_limit=2 * 4 * GALLERY * 6, **settings,
    )  # fmt: skip
    return {**results, "queries": {name: values.tolist() for name, values in of_queries.items()}}


def score_made_features():
    features, pids, camids = made_features()
    reciprocal.SHORTEST = 200  # several searches, as a large data set has
    found = {name: score(features, pids, camids, **settings) for name, settings in SETTINGS.items()}
    features[50] = torch.nan  # in the part of the last process
    try:
        score(features, pids, camids, metric="cosine")
    except InputError as error:
        found["error"] = str(error)
    return found


def recording(seen: list):
    """A trainer that notes the images that this process tests."""

    class Recording(dcac_fastreid.DCACTrainer):
        @classmethod
        def build_evaluator(cls, cfg, dataset_name, output_dir=None):
            loader, evaluator = super().build_evaluator(cfg, dataset_name, output_dir)
            process = evaluator.process
            evaluator.process = lambda inputs, outputs: (
                seen.append(list(inputs["img_paths"])),
                process(inputs, outputs),
            )
            return loader, evaluator

    return Recording


def test_in_training(cfg, model, metrics: Path):
    """As after an epoch of a training: fast-reid's hooks evaluate and write."""
    seen = []
    trainer = SimpleNamespace(
        storage=EventStorage(3), epoch=0, iter=2, max_epoch=1, iters_per_epoch=3, start_iter=0, _hooks=[]
    )
    results = []
    evaluation = hooks.EvalHook(1, lambda: results.append(recording(seen).test(cfg, model)) or results[0])
    ours = [evaluation]
    if comm.is_main_process():
        ours.append(hooks.PeriodicWriter([JSONWriter(str(metrics))], 200))
    with trainer.storage:
        for hook in ours:
            hook.trainer = trainer
            hook.after_epoch()
    return {"results": {name: value for name, value in results[0].items()}, "seen": seen}


def work(cfg, model, folder: Path, rank: int, number: int) -> None:
    output = os.open(folder / f"{number}-{rank}.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    if number > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder}/group{number}", rank=rank, world_size=number
        )
        comm._LOCAL_PROCESS_GROUP = distributed.new_group(range(number))
    setup_logger(distributed_rank=rank)
    found = score_made_features()
    for batch in BATCHES:
        cfg.defrost()
        cfg.TEST.IMS_PER_BATCH = batch
        found[batch] = test_in_training(cfg, model, folder / f"metrics{number}-{batch}.json")
    cfg.TEST.RERANK.ENABLED, cfg.TEST.RERANK.K1 = True, 31
    try:
        dcac_fastreid.DCACTrainer.test(cfg, model)
    except InputError as error:
        found["a setting"] = str(error)
    torch.save(found, folder / f"{number}-{rank}.pt")


def main(config: str, folder: str, *numbers: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cfg = with_local_weights(dcac_fastreid.load_config(config))
    model = build_model(cfg)
    context = multiprocessing.get_context("fork")  # with everything imported and built once
    for number in map(int, numbers):
        processes = [
            context.Process(target=work, args=(cfg, model, Path(folder), rank, number)) for rank in range(number)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        if any(process.exitcode for process in processes):
            sys.exit(f"of {number} processes: {json.dumps([process.exitcode for process in processes])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
