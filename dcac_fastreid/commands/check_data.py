"""dcac-fastreid check-data: what lies in a folder of data sets, and what is wrong with it?"""

import argparse
import json

DESCRIPTION = (
    "Recognises data sets in a folder, compares their counts with the literature, and names files that are missing, duplicated\n"
    "or unreadable, and images that are in training and in test. Nothing in the folder is changed."
)
EPILOG = "Exit status: 0 training can start on every data set found; 1 it cannot; 2 wrong input."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        metavar="PATH",
        help="a folder of data sets, the folder of one data set, or a folder with a sub-folder for each person",
    )
    parser.add_argument(
        "--link",
        metavar="DIR",
        help="make the folder DIR with links to the data sets found, in the layout that fast-reid wants; it is a DATASETS.ROOT",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="do not examine the images; without it each is decoded once, and its hash is kept in the cache folder",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON on standard output")


def run(args: argparse.Namespace) -> int:
    from dcac_fastreid.data import doctor

    report, root = doctor.diagnose(args.path, link_to=args.link, quick=args.quick)
    print(json.dumps(doctor.as_json(report, root), indent=2) if args.json else doctor.as_text(report, root))
    return 0 if report.can_start else 1
