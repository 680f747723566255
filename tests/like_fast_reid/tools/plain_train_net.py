"""Trains with a loop of its own: no trainer, no hooks."""

import os
import sys

import torch

sys.path.append(".")

from fastreid.config import get_cfg
from fastreid.data import build_reid_test_loader, build_reid_train_loader
from fastreid.engine import default_argument_parser, default_setup, launch
from fastreid.evaluation import ReidEvaluator, inference_on_dataset, print_csv_format
from fastreid.modeling import build_model
from fastreid.solver import build_lr_scheduler, build_optimizer
from fastreid.utils import comm
from fastreid.utils.checkpoint import Checkpointer, PeriodicCheckpointer
from fastreid.utils.events import CommonMetricPrinter, EventStorage, JSONWriter, TensorboardXWriter


def test(cfg, model):
    for name in cfg.DATASETS.TESTS:
        loader, num_query = build_reid_test_loader(cfg, dataset_name=name)
        evaluator = ReidEvaluator(cfg, num_query, None)
        results = inference_on_dataset(model, loader, evaluator, flip_test=cfg.TEST.FLIP.ENABLED)
        results["dataset"] = name
        print_csv_format(results)


def train(cfg, model, resume):
    loader = build_reid_train_loader(cfg)
    batches = iter(loader)
    model.train()
    optimizer = build_optimizer(cfg, model)
    steps = len(loader.dataset) // cfg.SOLVER.IMS_PER_BATCH
    schedulers = build_lr_scheduler(cfg, optimizer, steps)
    checkpointer = Checkpointer(model, cfg.OUTPUT_DIR, optimizer=optimizer, **schedulers)
    start = checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=resume).get("epoch", -1) + 1
    periodic = PeriodicCheckpointer(checkpointer, cfg.SOLVER.CHECKPOINT_PERIOD, cfg.SOLVER.MAX_EPOCH)
    torch.save(model.state_dict(), os.path.join(cfg.OUTPUT_DIR, "before.pth"))
    writers = [
        CommonMetricPrinter(steps * cfg.SOLVER.MAX_EPOCH),
        JSONWriter(os.path.join(cfg.OUTPUT_DIR, "metrics.json")),
        TensorboardXWriter(cfg.OUTPUT_DIR),
    ]
    with EventStorage(start * steps) as storage:
        for epoch in range(start, cfg.SOLVER.MAX_EPOCH):
            storage.epoch = epoch
            for step in range(steps):
                storage.iter = epoch * steps + step
                losses = model(next(batches))
                total = sum(losses.values())
                storage.put_scalars(
                    total_loss=total.item(), **{k: v.item() for k, v in comm.reduce_dict(losses).items()}
                )
                optimizer.zero_grad()
                total.backward()
                optimizer.step()
                storage.put_scalar("lr", optimizer.param_groups[0]["lr"], smoothing_hint=False)
            for writer in writers:
                writer.write()
            schedulers["lr_sched"].step()
            periodic.step(epoch, metric=-1)


def main(args):
    cfg = get_cfg()
    cfg.merge_from_file(args.config_file)
    cfg.merge_from_list(args.opts)
    cfg.freeze()
    default_setup(cfg, args)
    model = build_model(cfg)
    if args.eval_only:
        Checkpointer(model).load(cfg.MODEL.WEIGHTS)
        return test(cfg, model)
    train(cfg, model, args.resume)
    return test(cfg, model)


if __name__ == "__main__":
    args = default_argument_parser().parse_args()
    launch(main, args.num_gpus, args.num_machines, args.machine_rank, args.dist_url, args=(args,))
