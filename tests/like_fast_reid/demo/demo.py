"""Features of images, one file each."""

import argparse
import os
import sys

import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch.backends import cudnn

sys.path.append(".")

from fastreid.config import get_cfg
from fastreid.utils.file_io import PathManager
from fastreid.utils.logger import setup_logger
from predictor import FeatureExtraction

cudnn.benchmark = True
setup_logger(name="fastreid")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file")
    parser.add_argument("--input", nargs="+")
    parser.add_argument("--output", default="demo_output")
    parser.add_argument("--opts", nargs=argparse.REMAINDER, default=[])
    args = parser.parse_args()
    cfg = get_cfg()
    cfg.merge_from_file(args.config_file)
    cfg.merge_from_list(args.opts)
    cfg.freeze()
    demo = FeatureExtraction(cfg)
    PathManager.mkdirs(args.output)
    for path in args.input:
        features = F.normalize(demo.run_on_image(Image.open(path))).cpu().numpy()
        np.save(os.path.join(args.output, os.path.basename(path).split(".")[0] + ".npy"), features)
