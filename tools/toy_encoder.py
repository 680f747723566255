"""Makes the small encoder again that comes with the package: one training on synthetic images, two minutes on a CPU.

python tools/toy_encoder.py --output dcac_fastreid/synthetic/encoder    (`make toy-encoder`)
"""

import argparse

import dcac_fastreid  # first: it makes fast-reid importable
from dcac_fastreid.arguments import as_path
from dcac_fastreid.deploy.export.card import check_card
from dcac_fastreid.deploy.export.model_folder import share_weights
from dcac_fastreid.engine.config_file import changed, load_config
from dcac_fastreid.experiments.demo import CONFIGS, RECOMMENDED, SOURCE, TARGETS, train
from dcac_fastreid.output_files import check_writable
from dcac_fastreid.shipped import SYNTHETIC_ENCODER
from fastreid.utils.logger import setup_logger

CONFIG = f"DCAC/synthetic/{CONFIGS[RECOMMENDED]}"
NAME = "The synthetic encoder of dcac_fastreid: a toy"
ABOUT = """\
**A toy.** A small encoder for person re-identification, with which search, features and export can be tried before any training.
`FeatureExtractor("synthetic")` is this encoder, as it comes with the package."""
DATA = "Apache-2.0; the images are made by the code of dcac_fastreid, and show no real person"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Trains and writes the encoder that comes with the package")
    parser.add_argument(
        "--output", default=str(SYNTHETIC_ENCODER), metavar="DIR", help="(default: its place in the package)"
    )
    parser.add_argument(
        "--run", default="logs/toy_encoder", metavar="DIR", help="of the training (default: %(default)s)"
    )
    with dcac_fastreid.one_sentence_errors():
        args = parser.parse_args()
        folder = as_path(args.output, "--output")
        check_writable(folder, "--output leads to")
        check_card(folder)
        setup_logger()
        everywhere_the_same = ["MODEL.DEVICE", "cpu", "SOLVER.AMP.ENABLED", False]
        tests = ["DATASETS.TESTS", (SOURCE, *TARGETS)]
        cfg = load_config(CONFIG, [*everywhere_the_same, *tests, "OUTPUT_DIR", args.run])
        train(cfg)
        cfg = changed(cfg, ["MODEL.WEIGHTS", f"{args.run}/model_final.pth"])
        exported, _ = share_weights(
            cfg, folder, half=True, data_license=DATA, weights_license="apache-2.0",
            name=NAME, about=ABOUT, made_by=f"`make toy-encoder`, which trains with `configs/{CONFIG}`",
        )  # fmt: skip
        for file, what in exported:
            print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, {what}")
