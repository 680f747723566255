"""dcac-fastreid search index: the index of a folder of photos, made or brought up to date."""

import argparse

from dcac_fastreid.commands.options import ENCODER, add_skip_unreadable
from dcac_fastreid.commands.search.options import add_encoder, add_index, command, encoder_of
from dcac_fastreid.errors import InputError


def add_to(commands) -> None:
    parser = command(commands, run, "index", "makes the index of a folder of photos, or brings it up to date")
    add_index(parser)
    add_encoder(parser, "the encoder; with --update needed only if it is no longer where it was: " + ENCODER)
    parser.add_argument(
        "--gallery", metavar="DIR", help="the folder with the photos to be searched; with --update only if it has moved"
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help="computes new and changed photos alone, and takes those out that are gone; removed photos stay away",
    )
    parser.add_argument(
        "--table", metavar="CSV",
        help="cameras and times of the photos: a file with the columns path (below the gallery), camera, time (default: those in "
        "file names, such as c3_20240131_235959.jpg, or folders, such as cam3); with --update, of the photos that it names alone",
    )  # fmt: skip
    add_skip_unreadable(parser)


def run(args: argparse.Namespace) -> None:
    if args.update:
        from dcac_fastreid.deploy.search.index_changes import update_folder

        given = {"images": args.gallery, "table": args.table, "skip_unreadable": args.skip_unreadable}
        print(update_folder(args.index, **given, **encoder_of(args)).report())
        return
    for option in ("checkpoint", "gallery"):
        if getattr(args, option) is None:
            raise InputError(f"a new index needs --{option}; name it, or bring an index up to date by --update")
    from dcac_fastreid.deploy import FeatureExtractor
    from dcac_fastreid.deploy.search.cameras_and_times import read_table
    from dcac_fastreid.deploy.search.feature_folder import check_output, extract_folder

    check_output(args.index, args.gallery)  # before the encoder is built
    if args.table is not None:
        read_table(args.table)
    extract = FeatureExtractor(args.checkpoint, args.device, config_file=args.config_file)
    given = {"table": args.table, "skip_unreadable": args.skip_unreadable}
    print(extract_folder(extract, args.gallery, args.index, **given).report())
