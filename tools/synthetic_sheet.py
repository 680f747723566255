"""Makes an image sheet of the synthetic data set: people in rows, cameras in columns, for every domain.

python tools/synthetic_sheet.py --seed 0 --difficulty hard --output synthetic.png
"""

import argparse
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.arguments import SEEDS, whole_number
from dcac_fastreid.data import data_root
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_output_file, write_whole
from dcac_fastreid.synthetic.difficulty import PRESETS
from dcac_fastreid.synthetic.sheet import sheet

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="People x cameras x domains of the synthetic data set, as one image")
    parser.add_argument("--seed", type=whole_number(0, SEEDS - 1), default=0, help="the data set's seed (default: 0)")
    parser.add_argument("--difficulty", choices=PRESETS, default="default", help="(default: default)")
    parser.add_argument("--output", default="synthetic.png", metavar="FILE", help="the image (default: synthetic.png)")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        output = check_output_file(args.output, "--output")
        if output.suffix not in (".png", ".jpg"):
            raise InputError(f"--output is {output}; expected a file that ends in .png or .jpg")
        image = sheet(Path(data_root(f"synthetic:{args.seed}:{args.difficulty}")))
        kind = "png" if output.suffix == ".png" else "jpeg"
        write_whole(output, lambda stream: image.save(stream, kind, quality=85))
        print(f"{output}: rows are people, columns are cameras")
