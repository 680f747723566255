"""Which of the project's speed goals hold on this machine?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dcac_fastreid.profiling.flops import BATCH


@dataclass(frozen=True)
class Bar:
    """A goal for one figure.

    Attributes:
        device: on which it can be checked; "any" where it does not depend on the machine.
        measured: of the benchmark's results; KeyError or TypeError where they do not hold what it needs.
        limit: the figure must not exceed it, or, where `at_least`, must not stay below it.
        stretch: a further goal, which is reported.
    """

    name: str
    unit: str
    device: str
    measured: Callable[[Mapping], float]
    limit: float
    at_least: bool = False
    stretch: float | None = None


def _best_step(results: Mapping, *names: str) -> float:
    """Milliseconds of the fastest of some variants, step by step or recorded."""
    figures = [results["training"][name] for name in names if name in results["training"]]
    figures += [each["recorded"] for each in figures if "recorded" in each]
    figures = [each for each in figures if "step_s" in each]  # without those that could not be recorded
    if not figures:
        raise KeyError(f"none of {names} was measured")
    return 1000 * min(each["step_s"]["median"] for each in figures)


def _share_of_prototypes(results: Mapping) -> float:
    """Of an epoch: every image is extracted once and trained on once."""
    extraction = 1 / results["extraction"]["bf16"]["images_per_s"]
    training = _best_step(results, *GPU_VARIANTS) / 1000 / results["settings"]["batch"]
    return extraction / (extraction + training)


GPU_VARIANTS = ("+bf16", "+graph", "+compile")
BARS = (
    Bar(
        "step of DCAC with LoRA / plain step with the VAE in the loop", "", "cpu",
        lambda r: r["training"]["+onednn"]["ratio_to_plain"]["median"], 0.74, stretch=0.68,
    ),
    Bar(
        f"FLOPs of a training step, batch {BATCH}", "TFLOP", "any",
        lambda r: r["training"]["+class-token"]["flops_batch_64"] / 1e12, 9.4,
    ),
    Bar(
        "ranking 1,000 x 20,000, fast-reid's Python / ours, results equal", "times", "cpu",
        lambda r: r["ranking"]["given_distances"]["times_faster"] * r["ranking"]["given_distances"]["equal"], 100,
        at_least=True,
    ),
    Bar(
        "ranking 11,659 x 82,161, distances included", "s", "cpu",
        lambda r: r["ranking"]["features"]["seconds"], 45,
    ),
    Bar(
        "its peak memory", "GiB", "cpu",
        lambda r: r["ranking"]["features"]["peak_memory_gib"], 1.2,
    ),
    Bar(
        "step of DCAC with LoRA, batch 64", "ms", "cuda",
        lambda r: _best_step(r, *GPU_VARIANTS), 25, stretch=19,
    ),
    Bar("step of the baseline, batch 64", "ms", "cuda", lambda r: _best_step(r, "baseline"), 9),
    Bar(
        "peak memory of DCAC with LoRA, batch 64", "GB", "cuda",
        lambda r: max(r["training"][name]["peak_memory_gib"] for name in GPU_VARIANTS) * 2**30 / 1e9, 20,
    ),
    Bar(
        "feature extraction in bf16", "images/s", "cuda", lambda r: r["extraction"]["bf16"]["images_per_s"], 20_000,
        at_least=True,
    ),
    Bar("the prototypes' share of an epoch", "", "cuda", _share_of_prototypes, 0.2),
)  # fmt: skip


def check_bars(results: Mapping) -> list[dict]:
    """Every bar with the measured figure, and whether it holds; None for both where this run does not tell.

    The bars are of the real sizes.
    """
    return [_check(bar, results) for bar in BARS]


def _check(bar: Bar, results: Mapping) -> dict:
    settings = results["settings"]
    try:
        here = bar.device in ("any", settings["device"]) and settings["size"] == "real"
        measured = bar.measured(results) if here else None
    except (KeyError, TypeError):  # left out by --only: no such key, or None for what it is compared with
        measured = None
    holds = _reached(bar, measured, bar.limit)
    return {
        "name": bar.name,
        "measured": measured,
        "bar": f"{'>=' if bar.at_least else '<='} {bar.limit:g} {bar.unit}".rstrip(),
        "holds": holds,
        "stretch": bar.stretch,
        "stretch_holds": _reached(bar, measured, bar.stretch),
        "note": "not measured here" if measured is None else "",
    }


def _reached(bar: Bar, measured: float | None, limit: float | None) -> bool | None:
    if measured is None or limit is None:
        return None
    return measured >= limit if bar.at_least else measured <= limit
