"""Draws a picture sheet of the synthetic world: people in rows, cameras in columns, for every domain.

python tools/world_sheet.py --seed 0 --difficulty hard --output world.png
"""

import argparse
from pathlib import Path

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.data import data_root
from dcac_fastreid.synthetic.difficulty import PRESETS
from dcac_fastreid.synthetic.sheet import sheet

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="People x cameras x domains of the synthetic world, as one picture")
    parser.add_argument("--seed", type=int, default=0, help="the world's seed (default: 0)")
    parser.add_argument("--difficulty", choices=PRESETS, default="default", help="(default: default)")
    parser.add_argument("--output", default="world.png", metavar="FILE", help="the picture (default: world.png)")
    args = parser.parse_args()
    with dcac_fastreid.one_sentence_errors():
        root = Path(data_root(f"synthetic:{args.seed}:{args.difficulty}"))
        sheet(root).save(args.output, quality=85)
    print(f"{args.output}: rows are people, columns are cameras")
