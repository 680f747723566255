"""Ranked lists and ROC of a test set as images."""

import argparse
import sys

import numpy as np
import torch

sys.path.append(".")

from fastreid.config import get_cfg
from fastreid.data import build_reid_test_loader
from fastreid.evaluation import evaluate_rank
from fastreid.utils.logger import setup_logger
from fastreid.utils.visualizer import Visualizer
from predictor import FeatureExtraction

setup_logger(name="fastreid")

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file")
    parser.add_argument("--dataset-name")
    parser.add_argument("--output")
    parser.add_argument("--num-vis", default=100)
    parser.add_argument("--max-rank", default=10)
    parser.add_argument("--opts", nargs=argparse.REMAINDER, default=[])
    args = parser.parse_args()
    cfg = get_cfg()
    cfg.merge_from_file(args.config_file)
    cfg.merge_from_list(args.opts)
    cfg.freeze()
    loader, queries = build_reid_test_loader(cfg, dataset_name=args.dataset_name)
    features, pids, camids = [], [], []
    for feature, pid, camid in FeatureExtraction(cfg).run_on_loader(loader):
        features.append(feature)
        pids.extend(pid)
        camids.extend(camid)
    features, pids, camids = torch.cat(features), np.asarray(pids), np.asarray(camids)
    distances = (1 - features[:queries] @ features[queries:].t()).numpy()
    people = pids[:queries], pids[queries:], camids[:queries], camids[queries:]
    cmc, precisions, _ = evaluate_rank(distances, *people)
    visualizer = Visualizer(loader.dataset)
    visualizer.get_model_output(precisions, distances, *people)
    visualizer.save_roc_info(args.output, *visualizer.vis_roc_curve(args.output))
    visualizer.vis_rank_list(args.output, False, args.num_vis, "ascending", "ascending", args.max_rank)
    print(f"{loader.num_workers} workers, mAP {100 * precisions.mean():.4f}")
