"""The whole method on a small synthetic data set in some minutes: no data sets, no weights, no GPU. `make demo` runs it.

python tools/demo.py [--output logs/demo]
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.analysis.kinds import write_pictures
from dcac_fastreid.arguments import as_path
from dcac_fastreid.engine.run_folder import take
from dcac_fastreid.experiments import demo


def draw_pictures(output: str) -> str:
    """Of DCAC beside the baseline everything that tools/visualize.py draws; tells where it is, and what is left out."""
    checkpoints = [f"{output}/{run}/model_final.pth" for run in ("ma_ms", "baseline/ma_ms")]
    shown = [word for checkpoint in checkpoints for word in ("--checkpoint", checkpoint)]
    command = ["python", "tools/visualize.py", "all", *shown, "--output", f"{output}/pictures"]
    page, absent = write_pictures("all", checkpoints, f"{output}/pictures", shlex.join(command))
    return "\n".join([f"Pictures of both: {page}", *absent])


def main(output: str) -> int:
    start = time.perf_counter()
    rows = demo.run_demo(str(Path(__file__).parent.parent / "configs" / "DCAC" / "synthetic"), output)
    pictures = draw_pictures(output)
    print(f"\n{demo.table(rows)}\n\n{pictures}")
    print(f"Done in {(time.perf_counter() - start) / 60:.1f} minutes; checkpoints are in {output}.")
    failures = demo.failures(rows)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Trains baseline, DCAC and the recommended settings on a synthetic domain, tests on it and on three others"
    )
    parser.add_argument(
        "--output", default="logs/demo", metavar="DIR", help="configs, metrics, checkpoints (default: logs/demo)"
    )
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        with take(str(as_path(args.output, "--output"))):
            sys.exit(main(args.output))
