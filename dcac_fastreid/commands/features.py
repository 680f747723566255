"""dcac-fastreid features: the features of a folder of photos, as tables."""

import argparse
import os

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.options import ENCODER, add_device, add_skip_unreadable, check_encoder

DESCRIPTION = """\
Writes the features of all photos in a folder, and below it, with a trained encoder.

features.npy: one row of length 1 for each photo, float32, so that the product of two rows is their cosine similarity.
index.csv: row, path below the folder, size in bytes, time of change and SHA-256 of each photo. info.json: checkpoint and
versions of libraries. These files are for NumPy, pandas and the like; to search photos, make an index by `search index`.

With --shards the work can be killed at any moment and started again by the same command, and several such commands at a time, on
one machine or on several with a common disk, or torchrun, share it:

  torchrun --nproc-per-node 2 -m dcac_fastreid features --shards 100 --checkpoint ... --input photos --output features"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", required=True, metavar="ENCODER", help=ENCODER)
    parser.add_argument("--input", required=True, metavar="DIR", help="the folder with the photos")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config; needed only if the checkpoint neither holds it nor has it beside it",
    )
    add_device(parser)
    parser.add_argument(
        "--batch-size",
        type=whole_number(1, 10**6),
        default=64,
        metavar="N",
        help="number of photos processed at a time (default: 64)",
    )
    parser.add_argument(
        "--precision",
        choices=("fp32", "bf16", "fp16"),
        default="fp32",
        help="number format that the encoder computes in (default: fp32)",
    )
    parser.add_argument(
        "--shards", type=whole_number(1, 100_000), metavar="N",
        help="compute in so many parts, kept in OUTPUT/shards until all are done (default: in one go)",
    )  # fmt: skip
    add_skip_unreadable(parser)


def run(args: argparse.Namespace) -> None:
    check_encoder(args.checkpoint)
    from dcac_fastreid.deploy import FeatureExtractor
    from dcac_fastreid.deploy.search.feature_folder import check_output, features_of_folder
    from dcac_fastreid.deploy.search.feature_tables import write_tables

    check_output(args.output, args.input)  # before the encoder is built
    device = device_of_process(args.device) if args.shards else args.device
    extract = FeatureExtractor(args.checkpoint, device, args.batch_size, args.precision, args.config_file)
    if args.shards:
        in_shards(extract, args)
        return
    made = features_of_folder(extract, args.input, args.output, skip_unreadable=args.skip_unreadable)
    write_tables(made)
    print(made.report())


def in_shards(extract, args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.search.feature_shards import FeatureShards

    shards = FeatureShards(extract, args.input, args.output, args.shards, skip_unreadable=args.skip_unreadable)
    if made := shards.work():
        print(made.report())
    elif shards.is_finished:
        print(f"{args.output}: all {shards.count} shards are done, and the tables are written")
    else:
        print(
            f"{args.output}: other processes are at work on {shards.missing} of {shards.count} shards; the last one to end "
            "writes the tables (if one was killed: start again)"
        )


def device_of_process(named: str | None) -> str | None:
    """Under torchrun, without --device, each process has its own GPU."""
    import torch

    if named is None and "LOCAL_RANK" in os.environ and torch.cuda.is_available():
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
    return named
