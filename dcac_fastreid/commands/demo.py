"""dcac-fastreid demo: the whole method on a small synthetic data set, in minutes."""

import argparse
import shlex
import sys
import time

from dcac_fastreid.arguments import as_path
from dcac_fastreid.commands.options import add_verbose
from dcac_fastreid.shipped import configs

DESCRIPTION = (
    "Trains baseline, DCAC and the recommended settings on a synthetic domain, and tests on it and on three others: no data, "
    "no weights, no GPU."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", default="logs/demo", metavar="DIR", help="configs, metrics, checkpoints (default: logs/demo)"
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
    pictures = _draw_pictures(output)
    print(f"\n{demo.table(rows)}\n\n{pictures}")
    print(f"Done in {(time.perf_counter() - start) / 60:.1f} minutes; checkpoints are in {output}.")
    failures = demo.failures(rows)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _draw_pictures(output: str) -> str:
    """Of DCAC beside the baseline everything that `visualize` draws; tells where it is, and what is left out."""
    from dcac_fastreid.analysis.kinds import write_pictures

    checkpoints = [f"{output}/{run}/model_final.pth" for run in ("ma_ms", "baseline/ma_ms")]
    shown = [word for checkpoint in checkpoints for word in ("--checkpoint", checkpoint)]
    command = ["dcac-fastreid", "visualize", "all", *shown, "--output", f"{output}/pictures"]
    page, absent = write_pictures("all", checkpoints, f"{output}/pictures", shlex.join(command))
    return "\n".join([f"Images of both: {page}", *absent])
