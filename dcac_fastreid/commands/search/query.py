"""dcac-fastreid search query: the photos of a gallery that are most similar to others."""

import argparse
import tempfile
from pathlib import Path

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.options import add_skip_unreadable
from dcac_fastreid.commands.search.options import (
    add_detector,
    add_encoder,
    add_engine,
    add_index,
    command,
    detector_of,
    encoder_of,
)


def add_to(commands) -> None:
    parser = command(commands, run, "query", "finds the gallery's most similar photos")
    add_index(parser)
    add_encoder(parser)
    parser.add_argument(
        "--photos", required=True, nargs="+", metavar="FILE|DIR", help="query photos, or folders of them"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder of the page and its PNGs")
    parser.add_argument(
        "--top",
        type=whole_number(1, 10**9),
        default=10,
        metavar="K",
        help="number of photos in each result (default: 10)",
    )
    parser.add_argument("--camera", nargs="+", metavar="NAME", help="search the photos of these cameras alone")
    parser.add_argument(
        "--not-query-camera",
        action="store_true",
        help="leave out the photos by the query's own camera, which stands in its file name",
    )
    parser.add_argument("--after", metavar="TIME", help="search the photos from this time on, such as 2024-01-31T12:00")
    parser.add_argument("--before", metavar="TIME", help="search the photos earlier than this time")
    add_engine(parser)
    add_detector(parser, required=False, then="find the people on whole photos, and search for each of them")
    add_skip_unreadable(parser)


def run(args: argparse.Namespace) -> None:
    from dcac_fastreid.commands.main import as_typed
    from dcac_fastreid.data.readers.dg_datasets import in_synthetic_data
    from dcac_fastreid.deploy.images import counted, photos_of
    from dcac_fastreid.deploy.search.feature_folder import check_outside, read_feature_folder
    from dcac_fastreid.deploy.search.search import Search
    from dcac_fastreid.names import printable, shown
    from dcac_fastreid.pages.content import Section
    from dcac_fastreid.pages.image_page import check_folder, write_page

    where = _where(args)
    check_folder(args.output)
    check_outside(args.output, "the images shall go to", args.index, read_feature_folder(args.index).images)
    detector = detector_of(args)
    photos, left_out = photos_of(args.photos, skip_unreadable=args.skip_unreadable)
    search = Search(args.index, prior=args.prior, milvus=args.milvus, **encoder_of(args))
    if args.not_query_camera:  # before detection, which would give them other names
        for photo in photos:
            search.query_camera(photo)
    notes, folder = search.notes(where, not_query_camera=args.not_query_camera), search.gallery.images
    with tempfile.TemporaryDirectory(prefix="dcac_fastreid_") as crops:
        queries, nobody = _queries(photos, detector, Path(crops))
        sections = _answer(args, search, queries, where)
    if nobody:
        notes = f"Nobody was found on {counted(len(nobody), 'photo')}, {shown(nobody)}; no search was made for them.\n{notes}"
    sections.append(Section("how-to-read", "How to read the answers", None, notes))
    if left_out:
        print(f"left out, as they cannot be read: {shown(left_out)}")
    print(notes)
    title, synthetic = f"Search in {printable(folder.name)}", in_synthetic_data(folder)
    print(write_page(args.output, title, sections, printable(as_typed(args)), synthetic=synthetic))


def _queries(photos: list[Path], detector, crops: Path) -> tuple[list, list[Path]]:
    """The queries, and the photos on which nobody was found. Raises InputError: there is nobody on any of them."""
    from dcac_fastreid.deploy.search.cropped_queries import as_queries, crop_queries
    from dcac_fastreid.deploy.search.whole_photos import nobody_found

    if detector is None:
        return as_queries(photos), []
    queries, nobody = crop_queries(photos, detector, crops)
    if not queries:
        raise nobody_found(nobody, detector)
    return queries, nobody


def _answer(args: argparse.Namespace, search, queries: list, where) -> list:
    """Searches, and shows each answer: on the screen, and as a section of the page."""
    from dcac_fastreid.deploy.search.answer_section import answer_section
    from dcac_fastreid.names import printable

    sections, folder = [], search.gallery.images
    answers = search([query.file for query in queries], args.top, where, not_query_camera=args.not_query_camera)
    for number, (query, answer) in enumerate(zip(queries, answers, strict=True), start=1):
        answer = query.explained(answer)
        verdict = answer.verdict(search.calibration)
        print(f"{printable(query.name)}: {verdict}\n{answer.table(folder)}\n")
        sections.append(answer_section(number, answer, folder, verdict))
    return sections


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
