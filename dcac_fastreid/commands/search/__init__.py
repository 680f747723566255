"""dcac-fastreid search: who of a gallery is on a photo?"""

import argparse

from dcac_fastreid.commands.options import check_encoder
from dcac_fastreid.commands.search import calibrate, crop, index, query, remove, serve

DESCRIPTION = """\
Searches photos of people for the person on another photo.

  search index --checkpoint logs/ma_ms/model_final.pth --gallery gallery --index my_index
  search calibrate --index my_index --people known_people
  search query --index my_index --photos someone.jpg --output found

`index` computes the features of all photos in a folder and its sub-folders; with --update, those of new and changed photos alone.
`remove` takes photos out of an index. `calibrate` takes photos of known people, in a folder for each, and sets a threshold and
the chance that a photo shows the same person; without it, `query` ranks but gives neither. `query` shows the most similar photos
of the gallery, or "nobody here": as a table, as PNG and as a page, found/index.html. `serve` opens the search as a page in the
browser, on which one drops a photo.

All photos show one person each, cropped. For whole photos, `crop` makes crops of a folder before `index`, and `--detector` of
the query photos, in `query` and `serve`; all with a person detector of torchvision's, whose weights you name."""
SUBCOMMANDS = (crop, index, calibrate, query, serve, remove)


def add_options(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True)
    for subcommand in SUBCOMMANDS:
        subcommand.add_to(commands)
    commands.metavar = " | ".join(commands.choices)


def run(args: argparse.Namespace) -> None:
    check_encoder(getattr(args, "checkpoint", None))
    args.run(args)
