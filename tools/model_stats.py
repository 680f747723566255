"""Prints parameters and FLOPs of a config as JSON (Table 6), without weights or data.

python tools/model_stats.py --config-file configs/DCAC/ma_ms.yml --num-classes 751 [KEY VALUE ...]
"""

import argparse
import json

import dcac_fastreid
from dcac_fastreid.arguments import whole_number
from dcac_fastreid.profiling import model_stats

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Parameters and FLOPs of a config as JSON")
    parser.add_argument("--config-file", required=True, metavar="FILE")
    parser.add_argument(
        "--num-classes",
        required=True,
        type=whole_number(1, 10**6),
        help="identities of the training set; 751 for Market1501",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, help="KEY VALUE ... as in tools/train_net.py")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        print(
            json.dumps(model_stats(dcac_fastreid.load_config(args.config_file, args.opts), args.num_classes), indent=2)
        )
