"""Extracts the features of all pictures in a folder, and below it, with a trained encoder.

python tools/extract_features.py --checkpoint logs/ma_ms/model_final.pth --input photos --output features

features.npy: one row of length 1 for each picture, float32, so that the product of two rows is their cosine similarity.
index.csv: row, path below the folder, size in bytes, time of change and SHA-256 of each picture. info.json: checkpoint and
versions. These files are for NumPy, pandas and the like; to search photos, make an index by `tools/search.py index`.
"""

import argparse

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.arguments import whole_number
from dcac_fastreid.deploy.search.feature_folder import check_output, features_of_folder
from dcac_fastreid.deploy.search.feature_tables import write_tables

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="model_final.pth, or encoder.safetensors")
    parser.add_argument("--input", required=True, metavar="DIR", help="the folder with the pictures")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config, where the checkpoint neither carries it nor has it beside",
    )
    parser.add_argument("--device", help="cuda or cpu (default: the GPU where there is one)")
    parser.add_argument(
        "--batch-size", type=whole_number(1, 10**6), default=64, metavar="N", help="pictures at a time (default: 64)"
    )
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help="(default: fp32)")
    parser.add_argument("--skip-unreadable", action="store_true", help="go on without pictures that cannot be read")
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        check_output(args.output, args.input)  # before the encoder is built
        extract = dcac_fastreid.FeatureExtractor(
            args.checkpoint, args.device, args.batch_size, args.precision, args.config_file
        )
        made = features_of_folder(extract, args.input, args.output, skip_unreadable=args.skip_unreadable)
        write_tables(made)
        print(made.report())
