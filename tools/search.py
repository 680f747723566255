"""Searches photos of people for the person on another photo.

python tools/search.py index --checkpoint logs/ma_ms/model_final.pth --gallery gallery --index my_index
python tools/search.py calibrate --index my_index --persons known_people
python tools/search.py query --index my_index --photos someone.jpg --output found

index: the features of all photos in a folder, and below it. calibrate: from photos of known persons, a folder for each, a
threshold and a chance that it is the same person; without it, `query` ranks but says neither. query: the most similar photos of
the gallery, or "nobody here"; as a table, as PNG and as a page, found/index.html.
"""

import argparse
import shlex
import sys

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.analysis.page import Picture, check_folder, write_page
from dcac_fastreid.arguments import whole_number
from dcac_fastreid.deploy.pictures import photos_of
from dcac_fastreid.deploy.search.answers import describe_calibration
from dcac_fastreid.deploy.search.feature_folder import check_output, check_outside, extract_folder, read_feature_folder
from dcac_fastreid.deploy.search.known_people import people_in_folder, people_of_dataset
from dcac_fastreid.deploy.search.search import Search, calibrate_index
from dcac_fastreid.deploy.search.sheet import MOST, draw_answer
from dcac_fastreid.deploy.search.stated_rate import DEFAULT_RATE, check_rate
from dcac_fastreid.names import printable, shown


def index(args):
    check_output(args.index, args.gallery)  # before the encoder is built
    extract = dcac_fastreid.FeatureExtractor(args.checkpoint, args.device, config_file=args.config_file)
    print(extract_folder(extract, args.gallery, args.index, skip_unreadable=args.skip_unreadable).report())


def calibrate(args):
    check_rate(args.false_match_rate)
    read_feature_folder(args.index)  # before the photos are decoded
    if args.persons:
        people = people_in_folder(args.persons, skip_unreadable=args.skip_unreadable)
    else:
        people = people_of_dataset(args.dataset, args.root, skip_unreadable=args.skip_unreadable)
    calibration, gallery = calibrate_index(args.index, people, args.false_match_rate, **encoder(args))
    print(describe_calibration(calibration, len(gallery)))


def query(args):
    check_folder(args.output)
    check_outside(args.output, "the pictures shall go to", args.index, read_feature_folder(args.index).pictures)
    photos, left_out = photos_of(args.photos, skip_unreadable=args.skip_unreadable)
    search = Search(args.index, prior=args.prior, **encoder(args))
    notes, folder = search.notes(), search.gallery.pictures
    pictures = []
    for number, answer in enumerate(search(photos, args.top), start=1):
        verdict = answer.verdict(search.calibration)
        print(f"{printable(answer.photo)}: {verdict}\n{answer.table(folder)}\n")
        caption = f"{verdict}. The most similar first: {', '.join(answer.names(folder)[:MOST])}."
        if number == 1:
            caption += f" How to read this, and all searches below: {notes}"
        sheet = draw_answer(answer, folder, verdict)
        pictures.append(Picture(f"search-{number}", printable(answer.photo.name), sheet, caption))
    if left_out:
        print(f"left out, as they cannot be read: {shown(left_out)}")
    print(notes)
    command = printable(shlex.join(["python", *sys.argv]))
    print(write_page(args.output, f"Search in {printable(folder.name)}", pictures, command))


def encoder(args) -> dict:
    return {"checkpoint": args.checkpoint, "config_file": args.config_file, "device": args.device}


def command(commands, run, help: str, *, checkpoint_needed: bool) -> argparse.ArgumentParser:
    """A subcommand with the options that all have."""
    parser = commands.add_parser(run.__name__, help=help, description=help)
    parser.set_defaults(run=run)
    parser.add_argument("--index", required=True, metavar="DIR", help="the folder of the index")
    parser.add_argument(
        "--checkpoint", required=checkpoint_needed, metavar="FILE",
        help="model_final.pth, or encoder.safetensors" + ("" if checkpoint_needed else ", if it is no longer where it was"),
    )  # fmt: skip
    parser.add_argument("--config-file", metavar="FILE", help="only of a checkpoint that does not tell its config")
    parser.add_argument("--device", help="cuda or cpu (default: the GPU where there is one)")
    return parser


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="index | calibrate | query")

    of_index = command(commands, index, "makes the index of a folder of photos", checkpoint_needed=True)
    of_index.add_argument("--gallery", required=True, metavar="DIR", help="the folder with the photos to be searched")

    of_calibrate = command(
        commands, calibrate, "sets threshold and probability by photos of known persons, whom no training has seen",
        checkpoint_needed=False,
    )  # fmt: skip
    known = of_calibrate.add_mutually_exclusive_group(required=True)
    known.add_argument(
        "--persons", metavar="DIR",
        help="a folder for each person, PERSON/*.jpg; cameras in the names (cam2_0001.jpg) or folders, or in none",
    )  # fmt: skip
    known.add_argument("--dataset", metavar="NAME", help="or query and gallery of a data set, such as DG_Market1501")
    of_calibrate.add_argument(
        "--root",
        default="",
        metavar="DIR",
        help="the data root of --dataset, or synthetic:0 (default: as DATASETS.ROOT)",
    )
    of_calibrate.add_argument(
        "--false-match-rate", type=float, metavar="SHARE",
        help="share of the comparisons of two persons that may be above the threshold (default: "
        f"{DEFAULT_RATE}, or the smallest that the photos can state)",
    )  # fmt: skip
    of_query = command(commands, query, "finds the gallery's most similar photos", checkpoint_needed=False)
    of_query.add_argument("--photos", required=True, nargs="+", metavar="FILE|DIR", help="photos of whom to look for")
    of_query.add_argument("--output", required=True, metavar="DIR", help="the folder of the page and its PNGs")
    of_query.add_argument(
        "--top", type=whole_number(1, 10**9), default=10, metavar="K", help="photos in a list (default: 10)"
    )
    of_query.add_argument(
        "--prior", type=float, metavar="P",
        help="probability, before looking, that a gallery photo shows the person (default: 1 / (photos + 1))",
    )  # fmt: skip
    for each in (of_index, of_calibrate, of_query):
        each.add_argument("--skip-unreadable", action="store_true", help="go on without photos that cannot be read")
    return parser.parse_args()


if __name__ == "__main__":
    with dcac_fastreid.one_sentence_errors():
        args = parse()
        args.run(args)
