"""dcac-fastreid check-data: what lies in a folder of data sets, and what is wrong with it?"""

import argparse
import json

DESCRIPTION = (
    "Recognises data sets in a folder, counts them against the literature, and names what is missing, duplicated, unreadable or "
    "both in training and test. Nothing in the folder is changed."
)
EPILOG = "Exit status: 0 training can start on every data set found, 1 it cannot, 2 wrong input."


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="PATH", help="a data root, a data set's folder, or a folder with one for each person"
    )
    parser.add_argument(
        "--link",
        metavar="DIR",
        help="lays out, in a new folder and by links, what was found, as fast-reid wants it; DIR is then the DATASETS.ROOT",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="does not examine the images; else each is decoded once, and its hash kept in the cache folder",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")


def run(args: argparse.Namespace) -> int:
    from dcac_fastreid.data import doctor

    report, root = doctor.diagnose(args.path, link_to=args.link, quick=args.quick)
    print(json.dumps(doctor.as_json(report, root), indent=2) if args.json else doctor.as_text(report, root))
    return 0 if report.can_start else 1
