"""dcac-fastreid search crop: the people on whole photos, as a folder of crops."""

import argparse

from dcac_fastreid.commands.options import add_device, add_skip_unreadable
from dcac_fastreid.commands.search.options import add_detector, command, detector_of


def add_to(commands) -> None:
    parser = command(commands, run, "crop", "cuts the people out of whole photos, so that an index can be made of them")
    add_detector(parser, required=True, then="finds the people")
    parser.add_argument("--photos", required=True, nargs="+", metavar="FILE|DIR", help="photos, or folders of them")
    parser.add_argument("--output", required=True, metavar="DIR", help="a new folder for the crops and crops.csv")
    add_device(parser)
    add_skip_unreadable(parser)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.search.crop_folder import check_output, crop_photos

    check_output(args.output, args.photos)  # before the detector is built
    print(crop_photos(args.photos, detector_of(args), args.output, skip_unreadable=args.skip_unreadable).report())
