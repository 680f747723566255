"""dcac-fastreid search: who of a gallery is on a photo?"""

import argparse

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.options import ENCODER, add_device, add_skip_unreadable, check_encoder
from dcac_fastreid.errors import InputError

DESCRIPTION = """\
Searches photos of people for the person on another photo.

  search index --checkpoint logs/ma_ms/model_final.pth --gallery gallery --index my_index
  search calibrate --index my_index --people known_people
  search query --index my_index --photos someone.jpg --output found

`index` computes the features of all photos in a folder and its sub-folders; with --update, those of new and changed photos alone.
`remove` takes photos out of an index. `calibrate` takes photos of known people, in a
folder for each, and sets a threshold and the chance that a photo shows the same person; without it, `query` ranks but gives
neither. `query` shows the most similar photos of the gallery, or "nobody here": as a table, as PNG and as a page,
found/index.html."""
DEFAULT_RATE = 0.001  # of deploy/search/stated_rate.py, which brings PyTorch


def add_options(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="index | calibrate | query | serve | remove")

    of_index = _command(
        commands, index, "makes the index of a folder of photos, or brings it up to date",
        checkpoint="the encoder; with --update needed only if it is no longer where it was: " + ENCODER,
    )  # fmt: skip
    of_index.add_argument(
        "--gallery", metavar="DIR", help="the folder with the photos to be searched; with --update only if it has moved"
    )
    of_index.add_argument(
        "--update",
        action="store_true",
        help="computes new and changed photos alone, and takes those out that are gone; removed photos stay away",
    )
    of_index.add_argument(
        "--table", metavar="CSV",
        help="cameras and times of the photos: a file with the columns path (below the gallery), camera, time (default: those in "
        "file names, such as c3_20240131_235959.jpg, or folders, such as cam3)",
    )  # fmt: skip

    of_calibrate = _command(
        commands, calibrate, "sets threshold and probability from photos of known people who were in no training"
    )  # fmt: skip
    known = of_calibrate.add_mutually_exclusive_group(required=True)
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
    of_calibrate.add_argument(
        "--root",
        default="",
        metavar="DIR",
        help="folder of the data sets for --dataset, or synthetic:0 (default: as for DATASETS.ROOT)",
    )
    of_calibrate.add_argument(
        "--false-match-rate", type=float, metavar="SHARE",
        help="share of the comparisons of two people that may be above the threshold (default: "
        f"{DEFAULT_RATE}, or the smallest that can be measured with the photos)",
    )  # fmt: skip
    of_query = _command(commands, query, "finds the gallery's most similar photos")
    of_query.add_argument(
        "--photos", required=True, nargs="+", metavar="FILE|DIR", help="query photos, or folders of them"
    )
    of_query.add_argument("--output", required=True, metavar="DIR", help="the folder of the page and its PNGs")
    of_query.add_argument(
        "--top",
        type=whole_number(1, 10**9),
        default=10,
        metavar="K",
        help="number of photos in each result (default: 10)",
    )
    of_query.add_argument("--camera", nargs="+", metavar="NAME", help="search the photos of these cameras alone")
    of_query.add_argument(
        "--not-query-camera",
        action="store_true",
        help="leave out the photos by the query's own camera, which stands in its file name",
    )
    of_query.add_argument(
        "--after", metavar="TIME", help="search the photos from this time on, such as 2024-01-31T12:00"
    )
    of_query.add_argument("--before", metavar="TIME", help="search the photos earlier than this time")
    for each in (of_index, of_calibrate, of_query):
        add_skip_unreadable(each)

    of_serve = _command(commands, serve, "opens the search as a page for the browsers of this machine")
    of_serve.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=8765,
        help="of the page's address (default: 8765); 0 for any that is free",
    )
    for each in (of_query, of_serve):
        each.add_argument(
            "--prior", type=float, metavar="P",
            help="probability, before the search, that a gallery photo shows the person (default: 1 / (photos + 1))",
        )  # fmt: skip
        each.add_argument(
            "--milvus", metavar="URL|DIR.db",
            help="search through a Milvus server, http://HOST:PORT, or milvus-lite in this folder (default: exactly, in memory)",
        )  # fmt: skip

    of_remove = _index_command(commands, remove, "takes photos out of an index; their files stay")
    of_remove.add_argument(
        "--photos", required=True, nargs="+", metavar="FILE|DIR",
        help="photos of the index, or folders of them: paths below the gallery, as a search shows them, or of files",
    )  # fmt: skip


def _index_command(commands, run, help: str) -> argparse.ArgumentParser:
    """A subcommand that has to do with an index."""
    parser = commands.add_parser(run.__name__, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.set_defaults(run=run)
    parser.add_argument("--index", required=True, metavar="DIR", help="the folder of the index")
    return parser


def _command(
    commands, run, help: str, checkpoint: str = "the encoder of the index; needed only if it is no longer where it was"
) -> argparse.ArgumentParser:
    """A subcommand with an encoder. Args: checkpoint: its help."""
    parser = _index_command(commands, run, help)
    parser.add_argument("--checkpoint", metavar="ENCODER", help=checkpoint)
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config; needed only if the checkpoint neither holds it nor has it beside it",
    )
    add_device(parser)
    return parser


def run(args: argparse.Namespace) -> None:
    check_encoder(getattr(args, "checkpoint", None))
    args.run(args)


def index(args: argparse.Namespace) -> None:
    if args.update:
        from dcac_fastreid.deploy.search.index_changes import update_folder

        given = {"images": args.gallery, "table": args.table, "skip_unreadable": args.skip_unreadable}
        print(update_folder(args.index, **given, **_encoder(args)).report())
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


def remove(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.search.index_changes import remove_photos

    print(remove_photos(args.index, args.photos).report())


def calibrate(args: argparse.Namespace) -> None:
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
    calibration, gallery = calibrate_index(args.index, people, args.false_match_rate, **_encoder(args))
    print(describe_calibration(calibration, len(gallery)))


def query(args: argparse.Namespace) -> None:
    from dcac_fastreid.commands.main import as_typed
    from dcac_fastreid.data.readers.dg_datasets import in_synthetic_data
    from dcac_fastreid.deploy.images import photos_of
    from dcac_fastreid.deploy.search.answer_section import answer_section
    from dcac_fastreid.deploy.search.feature_folder import check_outside, read_feature_folder
    from dcac_fastreid.deploy.search.search import Search
    from dcac_fastreid.names import printable, shown
    from dcac_fastreid.pages.content import Section
    from dcac_fastreid.pages.image_page import check_folder, write_page

    where = _where(args)
    check_folder(args.output)
    check_outside(args.output, "the images shall go to", args.index, read_feature_folder(args.index).images)
    photos, left_out = photos_of(args.photos, skip_unreadable=args.skip_unreadable)
    search = Search(args.index, prior=args.prior, milvus=args.milvus, **_encoder(args))
    notes, folder = search.notes(where), search.gallery.images
    sections = []
    answers = search(photos, args.top, where, not_query_camera=args.not_query_camera)
    for number, answer in enumerate(answers, start=1):
        verdict = answer.verdict(search.calibration)
        print(f"{printable(answer.photo)}: {verdict}\n{answer.table(folder)}\n")
        sections.append(answer_section(number, answer, folder, verdict))
    sections.append(Section("how-to-read", "How to read the answers", None, notes))
    if left_out:
        print(f"left out, as they cannot be read: {shown(left_out)}")
    print(notes)
    title, synthetic = f"Search in {printable(folder.name)}", in_synthetic_data(folder)
    print(write_page(args.output, title, sections, printable(as_typed(args)), synthetic=synthetic))


def serve(args: argparse.Namespace) -> None:
    from dcac_fastreid.deploy.serve.server import address_of, listen, require_server
    from dcac_fastreid.deploy.serve.server import serve as serve_page

    require_server()
    from dcac_fastreid.deploy.search.search import Search

    with listen(args.port) as listening:  # before the encoder is built
        search = Search(args.index, prior=args.prior, milvus=args.milvus, **_encoder(args))
        print(f"search page: {address_of(listening)} (for this machine alone; Ctrl-C ends it)", flush=True)
        serve_page(listening, search)


def _where(args: argparse.Namespace):
    """The filter. Raises InputError: a time that is none."""
    from dcac_fastreid.deploy.search.cameras_and_times import as_time
    from dcac_fastreid.deploy.search.vectors import Where

    cameras = frozenset(args.camera) if args.camera else None
    after, before = (
        None if text is None else as_time(text, option)
        for option, text in (("--after", args.after), ("--before", args.before))
    )
    return Where(cameras, None, after, before)


def _encoder(args: argparse.Namespace) -> dict:
    return {"checkpoint": args.checkpoint, "config_file": args.config_file, "device": args.device}
