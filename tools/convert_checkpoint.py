"""Makes a checkpoint, to test or to train on from, of one that DCAC's authors or CLIP-ReID released; reads no data.

python tools/convert_checkpoint.py --input ViT-B-16_stage2_60.pth --output weights/dcac_ma_ms.pth
"""

import argparse
import os
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.arguments import as_path, whole_number
from dcac_fastreid.checkpoint import encoder_config, released
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_output_file

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A released checkpoint as a checkpoint of fast-reid")
    parser.add_argument("--input", required=True, metavar="FILE", help="the released checkpoint")
    parser.add_argument("--output", required=True, metavar="FILE", help="the checkpoint to write")
    parser.add_argument("--format", choices=("auto", *released.FORMATS), default="auto", help="(default: auto)")
    parser.add_argument(
        "--image-size",
        type=whole_number(1, released.LARGEST_SIDE),
        nargs=2,
        default=(256, 128),
        metavar=("H", "W"),
        help="of its training (default: 256 128)",
    )
    parser.add_argument(
        "--config-file",
        default="",
        metavar="FILE",
        help="its config, such as configs/DCAC/ma_ms.yml: the file will carry what rebuilds the encoder, so that "
        "FeatureExtractor, tools/search.py and tools/export_model.py need nothing else",
    )
    parser.add_argument(
        "--training-side",
        action="store_true",
        help="take what the diffusion model was trained with too (LoRA, q, k, v biases, the condition's transform), to train on "
        "from it or to look at it; its configs are those in configs/DCAC/authors",
    )
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        if os.path.realpath(as_path(args.input, "--input")) == os.path.realpath(as_path(args.output, "--output")):
            raise InputError(f"--output is the --input, {args.input}; name another file")
        check_output_file(args.output, "--output")
        cfg = dcac_fastreid.load_config(args.config_file, ["MODEL.DEVICE", "cpu"]) if args.config_file else None
        conversion = released.convert(
            args.input,
            image_size=tuple(args.image_size),
            format=args.format,
            training_side=args.training_side,
        )
        if cfg and args.training_side:
            released.check_training_side(conversion, cfg)
        released.save(conversion, args.output, encoder_config(cfg) if cfg else "")
        before, after = Path(args.input).stat().st_size, Path(args.output).stat().st_size
        print(f"{conversion.report()}\n{args.output}: {after / 1e6:.1f} MB of {before / 1e6:.1f} MB")
        config_file = args.config_file or "FILE"
        print(
            f"run it with: python tools/train_net.py --config-file {config_file} --eval-only MODEL.WEIGHTS {args.output}"
        )
