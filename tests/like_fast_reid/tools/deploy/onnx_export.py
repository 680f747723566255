"""Exports a model to ONNX, through a stream and two optimizers."""

import argparse
import io
import os
import sys

import onnx
import onnxoptimizer
import torch
from onnxsim import simplify
from torch.onnx import OperatorExportTypes

sys.path.append(".")

from fastreid.config import get_cfg
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.checkpoint import Checkpointer
from fastreid.utils.file_io import PathManager

PASSES = ["eliminate_unused_initializer", "fuse_bn_into_conv"]

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file")
    parser.add_argument("--output")
    parser.add_argument("--opts", nargs=argparse.REMAINDER, default=[])
    args = parser.parse_args()
    cfg = get_cfg()
    cfg.merge_from_file(args.config_file)
    cfg.merge_from_list(args.opts)
    cfg.MODEL.BACKBONE.PRETRAIN = False
    model = build_model(cfg)
    Checkpointer(model).load(cfg.MODEL.WEIGHTS)
    model.eval()
    images = torch.randn(1, 3, *cfg.INPUT.SIZE_TEST).to(model.device)
    with torch.no_grad(), io.BytesIO() as stream:
        torch.onnx.export(model, images, stream, operator_export_type=OperatorExportTypes.ONNX_ATEN_FALLBACK)
        exported = onnx.load_from_string(stream.getvalue())
    available = onnxoptimizer.get_available_passes()
    assert all(name in available for name in PASSES)
    simplified, same = simplify(onnxoptimizer.optimize(exported, PASSES))
    assert same
    PathManager.mkdirs(args.output)
    onnx.save_model(simplified, os.path.join(args.output, "baseline.onnx"))
