import glob
import os
from collections import OrderedDict

import faiss
import numpy as np
import torch
import torch.nn.functional as F

from fastreid.config import CfgNode as CN
from fastreid.data import build_reid_train_loader
from fastreid.data.build import _root
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset
from fastreid.evaluation import DatasetEvaluator, ReidEvaluator
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY, Baseline


def add_stripes_config(cfg):
    cfg.MODEL.STRIPES = CN({"NUMBER": 6})


def build_stripes_train_loader(cfg):
    for name in cfg.DATASETS.NAMES:
        DATASET_REGISTRY.get(name)(root=_root).show_train()
    return build_reid_train_loader(cfg, combineall=cfg.DATASETS.COMBINEALL)


class StripesEvaluator(ReidEvaluator):
    def evaluate(self):
        print(f"{self.cfg.MODEL.STRIPES.NUMBER} stripes")
        return super().evaluate()


@DATASET_REGISTRY.register()
class StripesSet(ImageDataset):
    """Queries alone, of one camera; it knows no option."""

    dataset_name = "stripes"

    def __init__(self, root="datasets"):
        paths = sorted(glob.glob(os.path.join(root, "Market-1501-v15.09.15", "query", "*.jpg")))
        super().__init__([], [(path, os.path.basename(path).split("_")[0], "0") for path in paths], [])


class RecallEvaluator(DatasetEvaluator):
    """Is the most similar other image of the same person? Searched on a GPU."""

    def reset(self):
        self.features, self.people = [], []

    def process(self, inputs, outputs):
        self.features.append(outputs.cpu())
        self.people.extend(inputs["targets"])

    def evaluate(self):
        features, people = F.normalize(torch.cat(self.features)).numpy(), np.asarray(self.people)
        settings = faiss.GpuIndexFlatConfig()
        settings.device = 0
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), features.shape[1], settings)
        index.add(features)
        nearest = index.search(features, 2)[1][:, 1]
        return OrderedDict({"Recall@1": 100 * (people[nearest] == people).mean()})


@META_ARCH_REGISTRY.register()
class StripesBaseline(Baseline):
    def losses(self, outputs, gt_labels):
        losses = super().losses(outputs, gt_labels)
        return {**losses, "loss_stripes": 0.1 * losses["loss_cls"]}
