"""How long does a search take, beside NumPy's matrix product and through Milvus? Of random unit vectors; n vectors, q queries.

python benchmarks/search.py --output benchmarks/search.json
python benchmarks/search.py --vectors 82161 --milvus /tmp/search.db   # needs pip install 'dcac_fastreid[scale]'
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.deploy.search.exact import Exact
from dcac_fastreid.deploy.search.milvus import Milvus
from dcac_fastreid.deploy.search.vectors import Vectors, fill

TOP = 50
QUERIES = (1, 200)
MOST_TIMES_THE_FLOOR = 1.5  # what the exact search may take, in products' time
GIB = 2**30


def measure(count: int, width: int, rounds: int, milvus: str | None) -> dict:
    """Figures of one size. Each round times the products and the search one after the other, as other work may run meanwhile."""
    features, queries = unit(count, width, 0), unit(max(QUERIES), width, 1)
    figures = {"vectors": count, "width": width, "features_gib": features.nbytes / GIB}
    engine: Vectors = Exact(width) if milvus is None else Milvus(milvus, width, f"benchmark_{count}")
    keys, nothing = np.arange(count), [None] * count
    figures["build_s"], figures["build_more_gib"] = peak(lambda: fill(engine, keys, features, nothing, nothing))
    figures |= {"engine": engine.stats()["engine"], "queries": {}}
    for number in QUERIES:
        asked, products, searches = queries[:number], [], []
        engine.search(asked, TOP)  # the first one wakes threads and fills caches
        for _ in range(rounds):
            products.append(seconds(lambda asked=asked: asked @ features.T))
            searches.append(seconds(lambda asked=asked: engine.search(asked, TOP)))
        _, products_memory = peak(lambda asked=asked: asked @ features.T)
        _, search_memory = peak(lambda asked=asked: engine.search(asked, TOP))
        ratios = [search / product for search, product in zip(searches, products, strict=True)]
        figures["queries"][number] = {
            "products_s": min(products),
            "search_s": min(searches),
            "times_the_floor": min(searches) / min(products),
            "times_the_floor_by_round": [round(ratio, 3) for ratio in ratios],
            "times_the_floor_median": statistics.median(ratios),
            "products_more_gib": products_memory,
            "search_more_gib": search_memory,
            "same_as_a_full_sort": agrees(engine, asked[:20], features),
        }
    return figures


def agrees(engine: Vectors, queries: np.ndarray, features: np.ndarray) -> bool:
    """Whether it finds the TOP that a full sort finds, but for products that differ by rounding."""
    products = queries @ features.T
    found = engine.search(queries, TOP)[1]
    last = -np.sort(-products, axis=1)[:, [min(TOP, len(features)) - 1]]
    chosen = np.take_along_axis(products, found, axis=1)
    return all(len(set(row)) == len(row) for row in found.tolist()) and bool((chosen >= last - 1e-5).all())


def unit(count: int, width: int, seed: int) -> np.ndarray:
    features = np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32)
    features /= np.sqrt(np.einsum("nd,nd->n", features, features))[:, None]
    return features


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peak(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and the GiB that this process took at most beyond what it has before. Linux tells that."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the earlier peak
    before = status("VmRSS")
    taken = seconds(work)
    return taken, max(0, status("VmHWM") - before) / GIB


def status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def table(results: list[dict]) -> str:
    rows = [
        (figures["engine"], f"{figures['vectors']:,}", f"{figures['build_s']:.2f}", queries, f"{found['search_s']:.3f}",
         f"{found['products_s']:.3f}", f"{found['times_the_floor']:.2f}", f"{figures['features_gib']:.2f}",
         f"{found['search_more_gib']:.2f}", "yes" if found["same_as_a_full_sort"] else "NO")
        for figures in results
        for queries, found in figures["queries"].items()
    ]  # fmt: skip
    return tabulate(
        rows,
        (
            "engine",
            "vectors",
            "build s",
            "queries",
            "search s",
            "products s",
            "ratio",
            "features GiB",
            "more GiB",
            "exact",
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = whole_number(1, 10**8)
    parser.add_argument("--vectors", nargs="+", type=number, default=[82_161, 1_000_000], help="n (default: both)")
    parser.add_argument("--width", type=number, default=512, help="of a vector (default: 512)")
    parser.add_argument("--rounds", type=number, default=7, help="of each timing (default: 7)")
    parser.add_argument("--milvus", metavar="URL|DIR.db", help="measure Milvus there in place of the exact search")
    parser.add_argument("--output", metavar="FILE", help="a JSON file of all figures")
    args = parser.parse_args()
    results = []
    for count in args.vectors:
        with multiprocessing.get_context("spawn").Pool(1) as pool:  # a process that does nothing else
            results.append(pool.apply(measure, (count, args.width, args.rounds, args.milvus)))
    print(table(results))
    if args.output:
        from dcac_fastreid.profiling.machine import (
            describe_environment,
            describe_machine,
        )  # PyTorch, which no search needs

        described = {"machine": describe_machine(), "environment": describe_environment(), "numpy": np.__version__}
        kept = {**described, "top": TOP, "most_times_the_floor": MOST_TIMES_THE_FLOOR, "results": results}
        Path(args.output).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
