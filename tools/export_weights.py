"""Writes the encoder, the ID prompts and the LoRA of a checkpoint, each in a file of its own that needs no pickle.

python tools/export_weights.py --config-file logs/ma_ms/config.yaml --output exported MODEL.WEIGHTS logs/ma_ms/model_final.pth
"""

import argparse

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.checkpoint.export import export_weights

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Encoder, ID prompts and LoRA of a checkpoint as .safetensors")
    parser.add_argument("--config-file", required=True, metavar="FILE", help="the run's config.yaml, or its config")
    parser.add_argument("--output", required=True, metavar="DIR", help="the folder to write to")
    parser.add_argument(
        "opts", nargs=argparse.REMAINDER, help="MODEL.WEIGHTS FILE, and KEY VALUE ... as in train_net.py"
    )
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        exported, absent = export_weights(dcac_fastreid.load_config(args.config_file, args.opts), args.output)
        for file, what in exported:
            print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {what}")
        print(*absent, sep="\n", end="\n" if absent else "")
