"""dcac-fastreid search serve: the search as a page for the browsers of this machine."""

import argparse

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.search.options import (
    add_detector,
    add_encoder,
    add_engine,
    add_index,
    command,
    detector_of,
    encoder_of,
)

PORT = 8765


def add_to(commands) -> None:
    parser = command(commands, run, "serve", "opens the search as a page for the browsers of this machine")
    add_index(parser)
    add_encoder(parser)
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=PORT,
        help=f"of the page's address (default: {PORT}); 0 for any that is free",
    )
    add_engine(parser)
    add_detector(parser, required=False, then="cuts the people out of whole photos that are given, each to be chosen")


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.serve.server import address_of, listen, require_server, serve

    require_server()
    from dcac_fastreid.deploy.search.search import Search

    with listen(args.port) as listening:  # before the encoder is built
        detector = detector_of(args)
        search = Search(args.index, prior=args.prior, milvus=args.milvus, **encoder_of(args))
        print(f"search page: {address_of(listening)} (for this machine alone; Ctrl-C ends it)", flush=True)
        serve(listening, search, detector)
