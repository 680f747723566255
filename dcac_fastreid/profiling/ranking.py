"""How long does ranking take, beside fast-reid's own Python and at MSMT17's size? Q queries, G gallery images, D width."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from dcac_fastreid.evaluation import evaluate_rank, rank_features
from dcac_fastreid.profiling.machine import ALLOCATOR, GIB, peak_memory
from fastreid.evaluation.rank import eval_market1501

MAX_RANK = 50
WIDTH = 512  # D of ViT-B/16


class _InStableOrder(np.ndarray):
    """Distances that the host's np.argsort sorts in the gallery's order where they are equal."""

    def argsort(self, axis=-1, kind=None, order=None, **kwargs):
        return np.asarray(self).argsort(axis=axis, kind="stable")


def rank_given_distances(queries: int, gallery: int) -> dict:
    """Ranks one matrix of distances with fast-reid's Python function and with ours; the results must agree.

    fast-reid's own sort is not stable, so it has one here; its time is given without what that costs more.
    """
    generator = np.random.default_rng(0)
    distances = generator.random((queries, gallery), dtype=np.float32)  # 24 bits: equal ones in every row
    people, cameras = max(2, gallery // 20), 6
    ids = [generator.integers(people, size=size) for size in (queries, gallery)]
    cams = [generator.integers(cameras, size=size) for size in (queries, gallery)]

    def seconds(function):
        begin = time.perf_counter()
        result = function()
        return time.perf_counter() - begin, result

    unstable, _ = seconds(lambda: np.argsort(distances, axis=1))
    stable, _ = seconds(lambda: np.argsort(distances, axis=1, kind="stable"))
    host, theirs = seconds(lambda: eval_market1501(distances.view(_InStableOrder), *ids, *cams, MAX_RANK))
    ours_seconds, ours = seconds(lambda: evaluate_rank(distances, *ids, *cams, MAX_RANK))
    host_seconds = host - stable + unstable
    return {
        "queries": queries,
        "gallery": gallery,
        "host_s": host_seconds,
        "ours_s": ours_seconds,
        "times_faster": host_seconds / ours_seconds,
        "equal": bool(
            np.array_equal(theirs[0], ours[0])
            and np.allclose(theirs[1], ours[1], rtol=0, atol=1e-12)  # the order of a sum
            and np.array_equal(theirs[2], ours[2])
        ),
    }


@dataclass(frozen=True)
class Search:
    """Features of people who look alike in all cameras, as of a data set of this size."""

    queries: int
    gallery: int
    people: int
    cameras: int
    device: str


def rank_in_a_fresh_process(search: Search) -> dict:
    """Time and peak memory of `rank_features`, distances included, in a process that does nothing else."""
    code = f"import sys; from {__name__} import main; main(sys.argv[1])"
    environment = {name: value for name, value in os.environ.items() if name not in ALLOCATOR}  # as users have it
    command = [sys.executable, "-c", code, json.dumps(asdict(search))]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if finished.returncode:
        raise RuntimeError(f"ranking {search} failed with status {finished.returncode}, see above")
    return {**asdict(search), **json.loads(finished.stdout.splitlines()[-1])}


def main(search: str) -> None:
    """The fresh process: takes a Search and prints its figures, both as JSON."""
    print(json.dumps(_rank(Search(**json.loads(search)))))


def _rank(search: Search) -> dict:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(search.people, WIDTH, generator=generator)
    features, ids, cams = [], [], []
    for size in (search.queries, search.gallery):
        people = torch.randint(search.people, (size,), generator=generator)
        noisy = torch.randn(size, WIDTH, generator=generator).mul_(2)
        for rows, of in zip(noisy.split(4096), people.split(4096), strict=True):
            rows += centres[of]  # in pieces: the peak is the ranking's, not this one's
        features.append(noisy.to(search.device))
        ids.append(people.numpy())
        cams.append(torch.randint(search.cameras, (size,), generator=generator).numpy())
    del noisy, rows
    begin = time.perf_counter()
    cmc, precision, _ = rank_features(*features, *ids, *cams)
    seconds = time.perf_counter() - begin
    device = torch.device(search.device)
    peak = peak_memory(device)
    return {
        "seconds": seconds,
        "peak_memory_gib": peak / GIB if peak else None,
        "rank1": float(cmc[0]),
        "mAP": float(np.mean(precision)),
    }
