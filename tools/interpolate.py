"""Writes checkpoints whose encoder lies between the pre-trained, or another one, and a trained one; reads the source's images.

python tools/interpolate.py --config-file logs/ma_ms/config.yaml --checkpoint logs/ma_ms/model_final.pth \\
    --alpha 0.5,0.7 --output logs/ma_ms/interpolated [--start other/model_final.pth] [KEY VALUE ...]
"""

import argparse
import shlex

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.engine.interpolated_files import interpolate_checkpoint

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="encoder = start + alpha (trained - start), with the BNNeck's statistics estimated anew on the source"
    )
    parser.add_argument("--config-file", required=True, metavar="FILE", help="the run's config.yaml, or its config")
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="the trained encoder, alpha 1")
    parser.add_argument(
        "--start", default="", metavar="FILE", help="the encoder of alpha 0 (default: the one that the run began with)"
    )
    parser.add_argument("--alpha", required=True, metavar="ALPHA,...", help="numbers from 0 to 1")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder for interpolated_ALPHA.pth")
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE ... as in tools/train_net.py")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        cfg = dcac_fastreid.load_config(args.config_file, args.opts)
        files = interpolate_checkpoint(cfg, args.checkpoint, args.alpha.split(","), args.output, start=args.start)
        for file in files:
            print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
        test = ["--config-file", args.config_file, "--eval-only", "MODEL.WEIGHTS", str(files[0])]
        print(f"test it with: python tools/train_net.py {shlex.join(test)}")
