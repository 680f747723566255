"""dcac-fastreid run SCRIPT: a script written for fast-reid, with this plugin in it."""

import argparse
from collections.abc import Sequence

DESCRIPTION = """\
Runs a script that was written for fast-reid, unmodified, as `python SCRIPT ARGS` would, but

  - with DCAC, its baseline, its losses and the CLIP backbone registered, and their config keys known;
  - with DCACTrainer where the script asks for fast-reid's DefaultTrainer;
  - with fast-reid patched for today's Python and PyTorch, on the GPU or, where there is none, on the CPU.
"""
EXAMPLES = """\
examples, in a checkout of fast-reid:
  python -m dcac_fastreid tools/train_net.py --config-file DCAC/ma_ms.yml
  python -m dcac_fastreid demo/demo.py --config-file logs/DCAC/ma_ms/config.yaml --input photo.jpg \\
      --opts MODEL.WEIGHTS logs/DCAC/ma_ms/model_final.pth

demo/demo.py takes files (for a folder, give --input folder/*.jpg) and needs opencv-python; tools/deploy/onnx_export.py needs onnx.
A script with a training loop of its own (tools/plain_train_net.py) trains fast-reid's architectures, not DCAC.
To print the help of the script itself: python -m dcac_fastreid SCRIPT --help
"""


def run(arguments: Sequence[str], typed: str) -> None:
    parser = argparse.ArgumentParser(
        prog=typed, description=DESCRIPTION, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("script", metavar="SCRIPT", help="a Python file, such as tools/train_net.py")
    others = parser.add_argument(
        "arguments", metavar="ARGS", nargs=argparse.REMAINDER, help="the script's own arguments"
    )
    others.required = False  # else argparse asks for them too where SCRIPT is missing
    args = parser.parse_args(arguments)
    from dcac_fastreid.host_scripts import run_script

    run_script(args.script, args.arguments)
