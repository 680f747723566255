"""Looks at a folder of data sets: which ones lie there, what is wrong with them, and can a training start?

python tools/dataset_doctor.py PATH [--link DIR] [--quick] [--json]

PATH is a data root, the folder of one data set, or your own photos with a folder for each person. Status 0: training can
start on every data set found; 1: it cannot, the findings say why; 2: wrong input.
"""

import argparse
import json
import sys

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.data import doctor

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Recognises data sets in a folder, counts them against the literature, and names what is missing, doubled, "
        "unreadable or both in training and test. Nothing in the folder is changed.",
        epilog="Exit status: 0 training can start on every data set found, 1 it cannot, 2 wrong input.",
    )
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
        help="does not examine the pictures; else each is decoded once, and its hash kept in the cache folder",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        report, root = doctor.diagnose(args.path, link_to=args.link, quick=args.quick)
        print(json.dumps(doctor.as_json(report, root), indent=2) if args.json else doctor.as_text(report, root))
        sys.exit(0 if report.can_start else 1)
