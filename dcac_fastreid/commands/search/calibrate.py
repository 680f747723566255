"""dcac-fastreid search calibrate: the threshold of an index, and the chance that a photo shows the same person."""

import argparse

from dcac_fastreid.commands.options import add_skip_unreadable
from dcac_fastreid.commands.search.options import add_encoder, add_index, command, encoder_of

DEFAULT_RATE = 0.001  # of deploy/search/stated_rate.py, which brings PyTorch


def add_to(commands) -> None:
    help = "sets threshold and probability from photos of known people who were in no training"
    parser = command(commands, run, "calibrate", help)
    add_index(parser)
    add_encoder(parser)
    known = parser.add_mutually_exclusive_group(required=True)
    known.add_argument(
        "--people", "--persons", metavar="DIR",  # --persons: its name before
        help="folder of known people, with a sub-folder for each, PERSON/*.jpg; cameras may stand in file names (cam2_0001.jpg) or "
        "folders (PERSON/CAMERA)",
    )  # fmt: skip
    known.add_argument(
        "--dataset",
        metavar="NAME",
        help="calibrate with query and gallery of this data set instead, such as DG_Market1501",
    )
    parser.add_argument(
        "--root",
        default="",
        metavar="DIR",
        help="folder of the data sets for --dataset, or synthetic:0 (default: as for DATASETS.ROOT)",
    )
    parser.add_argument(
        "--false-match-rate", type=float, metavar="SHARE",
        help="share of the comparisons of two people that may be above the threshold (default: "
        f"{DEFAULT_RATE}, or the smallest that can be measured with the photos)",
    )  # fmt: skip
    add_skip_unreadable(parser)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.search.answers import describe_calibration
    from dcac_fastreid.deploy.search.feature_folder import read_feature_folder
    from dcac_fastreid.deploy.search.known_people import people_in_folder, people_of_dataset
    from dcac_fastreid.deploy.search.search import calibrate_index
    from dcac_fastreid.deploy.search.stated_rate import check_rate

    check_rate(args.false_match_rate)
    read_feature_folder(args.index)  # before the photos are decoded
    if args.people:
        people = people_in_folder(args.people, skip_unreadable=args.skip_unreadable)
    else:
        people = people_of_dataset(args.dataset, args.root, skip_unreadable=args.skip_unreadable)
    calibration, gallery = calibrate_index(args.index, people, args.false_match_rate, **encoder_of(args))
    print(describe_calibration(calibration, len(gallery)))
