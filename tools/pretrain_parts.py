"""Makes the small pre-trained parts again: CLIP, VAE and two U-Nets, their card and sampled images.

python tools/pretrain_parts.py --output weights/small [--parts clip vae unet image_unet] [--device cuda]
"""

import argparse
import logging

import dcac_fastreid  # first: it makes fast-reid importable, and an import that is interrupted quiet

# isort: split

import torch

from dcac_fastreid.arguments import SEEDS, as_device, as_path, whole_number
from dcac_fastreid.data import cache_folder
from dcac_fastreid.engine.allocator import keep_freed_memory
from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.versions import describe_versions
from dcac_fastreid.output_files import check_writable
from dcac_fastreid.synthetic import card, pretraining

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Pre-trains the small CLIP, VAE and U-Nets on captioned synthetic images"
    )
    parser.add_argument("--output", default="weights/small", metavar="DIR", help="(default: weights/small)")
    parser.add_argument(
        "--parts", nargs="*", choices=pretraining.PARTS, default=list(pretraining.PARTS),
        help="which to train; unet is conditioned on captions, image_unet on CLIP's embedding of the image, and both take "
        "CLIP and VAE from DIR (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--seed",
        type=whole_number(0, SEEDS - 1),
        default=0,
        help="of weights, batches, captions and noise (default: 0)",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="(default: a GPU if any)",
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        as_device(args.device, "--device")
        if args.device == "cpu":
            keep_freed_memory()
        folder = as_path(args.output, "--output")
        check_writable(folder, "--output leads to")
        pretraining.check_parts(args.parts, folder)
        with fast_linear_layers(args.device):
            web = pretraining.Web(cache_folder(), pretraining.IMAGES)
            for name in pretraining.PARTS:
                if name in args.parts:
                    schedule = pretraining.PARTS[name]
                    pretraining.pretrain(name, web, folder, args.seed, args.device, schedule)
            print(card.write_card(folder, cache_folder(), describe_versions()))
