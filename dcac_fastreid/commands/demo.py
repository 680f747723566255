"""dcac-fastreid demo: the whole method on a small synthetic data set, in minutes."""

import argparse
import shlex
import sys
import time

from dcac_fastreid.arguments import as_path
from dcac_fastreid.commands.options import add_verbose
from dcac_fastreid.shipped import configs

DESCRIPTION = (
    "Trains the baseline, DCAC and the recommended settings on a synthetic domain, and tests them on it and on three others.\n"
    "Needs no data, no weights and no GPU."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        default="logs/demo",
        metavar="DIR",
        help="folder for configs, metrics, checkpoints and images (default: logs/demo)",
    )
    add_verbose(parser)


def run(args: argparse.Namespace) -> int:
    from dcac_fastreid.engine.run_folder import take

    with take(str(as_path(args.output, "--output"))):
        return _run(args.output, verbose=args.verbose)


def _run(output: str, *, verbose: bool) -> int:
    from dcac_fastreid.experiments import demo

    start = time.perf_counter()
    rows = demo.run_demo(str(configs() / "DCAC" / "synthetic"), output, verbose=verbose)
    images = _draw_images(output, demo.results(rows))
    print(f"\n{demo.table(rows)}\n\n{images}")
    print(f"Done in {(time.perf_counter() - start) / 60:.1f} minutes; checkpoints are in {output}.")
    failures = demo.failures(rows)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _draw_images(output: str, results) -> str:
    """The page: the result, and everything that `visualize` draws of DCAC beside the baseline; says where it is."""
    from dcac_fastreid.analysis.kinds import write_images

    checkpoints = [f"{output}/{run}/model_final.pth" for run in ("ma_ms", "baseline/ma_ms")]
    page, absent = write_images(
        "all",
        checkpoints,
        f"{output}/pictures",
        shlex.join(["dcac-fastreid", "demo", "--output", output]),
        title="Demo: DCAC and baseline, trained on DG_Market1501",
        results=[results],
    )
    return "\n".join([f"Images of both: {page}", *absent])
