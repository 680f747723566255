"""dcac-fastreid search remove: takes photos out of an index."""

import argparse

from dcac_fastreid.commands.search.options import add_index, command


def add_to(commands) -> None:
    parser = command(commands, run, "remove", "takes photos out of an index; their files stay")
    add_index(parser)
    parser.add_argument(
        "--photos", required=True, nargs="+", metavar="FILE|DIR",
        help="photos of the index, or folders of them: paths below the gallery, as a search shows them, or of files",
    )  # fmt: skip


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.search.index_changes import remove_photos

    print(remove_photos(args.index, args.photos).report())
