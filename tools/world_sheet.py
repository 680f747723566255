"""Draws a picture sheet of the synthetic world: people in rows, cameras in columns, for every domain.

python tools/world_sheet.py --seed 0 --output world.png
"""

import argparse
from pathlib import Path

from dcac_fastreid.data import data_root
from dcac_fastreid.synthetic.sheet import sheet

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="People x cameras x domains of the synthetic world, as one picture")
    parser.add_argument("--seed", type=int, default=0, help="the world's seed (default: 0)")
    parser.add_argument("--output", default="world.png", metavar="FILE", help="the picture (default: world.png)")
    args = parser.parse_args()
    sheet(Path(data_root(f"synthetic:{args.seed}"))).save(args.output)
    print(f"{args.output}: rows are people, columns are cameras")
