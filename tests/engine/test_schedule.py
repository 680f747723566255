"""The optimizer and the learning rate of the paper's own config, as they are built."""

import pytest
import torch

from dcac_fastreid import DCACTrainer, load_config
from dcac_fastreid.dcac import attach_training_side
from dcac_fastreid.diffusion import stable_diffusion
from fastreid.engine import defaults
from fastreid.modeling import build_model


@pytest.fixture(scope="module")
def paper_run(configs):
    """ma_ms.yml with 751 identities on the meta device: config, model, optimizer."""
    opts = ["MODEL.DEVICE", "meta", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 751]
    cfg = load_config(str(configs / "ma_ms.yml"), opts)
    with torch.device("meta"):
        model = build_model(cfg)
        attach_training_side(model, cfg, stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE))
    optimizer, _ = DCACTrainer.build_optimizer(cfg, model)
    return cfg, model, optimizer


def test_optimizer_has_the_papers_rate_and_decay_on_every_trainable_tensor(paper_run):
    _, model, optimizer = paper_run
    assert type(optimizer) is torch.optim.Adam  # L2, not AdamW
    assert {(group["lr"], group["weight_decay"]) for group in optimizer.param_groups} == {(5e-6, 1e-4)}
    optimised = {id(p) for group in optimizer.param_groups for p in group["params"]}
    unused = set(model.unused_parameters())  # queries and keys of a cross-attention to one token
    assert optimised == {id(p) for p in model.parameters() if p.requires_grad and p not in unused}


def test_learning_rate_by_epoch(paper_run):
    """f(e) of FACTS, times 5e-6, stepped at the end of each epoch as fast-reid's hook does."""
    cfg, _, optimizer = paper_run
    schedulers = DCACTrainer.build_lr_scheduler(cfg, optimizer, iters_per_epoch=202)
    assert list(schedulers) == ["lr_sched"]
    rates = []
    for _ in range(60):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedulers["lr_sched"].step()
    expected = {0: 5e-7, 5: 5e-6 * 0.55, 9: 5e-6 * 0.91, 10: 5e-6, 29: 5e-6, 30: 5e-7, 49: 5e-7, 50: 5e-8, 59: 5e-8}
    assert {epoch: rates[epoch] for epoch in expected} == pytest.approx(expected, rel=1e-9)


def rates(make_cfg, *opts):
    """Of 60 epochs with the paper's steps, as parts of the base rate."""
    cfg = make_cfg("ma_ms.yml", "SOLVER.WARMUP_EPOCHS", 10, "SOLVER.STEPS", [30, 50], "SOLVER.BASE_LR", 1.0, *opts)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, found = DCACTrainer.build_lr_scheduler(cfg, optimizer, iters_per_epoch=3)["lr_sched"], []
    for _ in range(60):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_the_releases_schedule_is_one_epoch_ahead(make_cfg):
    """FACTS: ours(e + 1); 12 of 60 epochs differ, their sums are 0.9967 : 1."""
    paper, authors = rates(make_cfg), rates(make_cfg, "SOLVER.ONE_EPOCH_AHEAD", True)
    assert authors[:-1] == pytest.approx(paper[1:]) and authors[-1] == pytest.approx(paper[-1])
    assert sum(a != pytest.approx(b) for a, b in zip(paper, authors, strict=True)) == 12
    assert sum(authors) / sum(paper) == pytest.approx(0.9967, abs=5e-5)


def test_fast_reids_own_warm_up_besides_is_refused(make_cfg):
    with pytest.raises(ValueError, match="WARMUP_ITERS and DELAY_EPOCHS to 0, got 100 and 0"):
        DCACTrainer.build_lr_scheduler(make_cfg("ma_ms.yml", "SOLVER.WARMUP_ITERS", 100), None, iters_per_epoch=3)


def test_fast_reids_own_schedules_stay(make_cfg):
    cfg = make_cfg("ma_ms.yml", "SOLVER.SCHED", "CosineAnnealingLR")
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    scheduler = DCACTrainer.build_lr_scheduler(cfg, optimizer, iters_per_epoch=3)["lr_sched"]
    assert type(scheduler) is torch.optim.lr_scheduler.CosineAnnealingLR


def test_settings_are_the_papers(paper_run):
    """FACTS: Settings, the numbers that stand in the config."""
    cfg = paper_run[0]
    assert (cfg.SOLVER.MAX_EPOCH, cfg.SOLVER.IMS_PER_BATCH, cfg.DATALOADER.NUM_INSTANCE) == (60, 64, 4)
    assert (cfg.MODEL.LOSSES.PCL.TAU, cfg.MODEL.LOSSES.PCL.MOMENTUM, cfg.MODEL.LOSSES.CE.EPSILON) == (0.01, 0.2, 0.1)
    assert (cfg.MODEL.DCAC.LAMBDA, cfg.MODEL.DCAC.CONDITIONER.TAU, cfg.MODEL.DCAC.LORA.RANK) == (1.0, 0.6, 8)
    assert list(cfg.INPUT.SIZE_TRAIN) == [256, 128] and list(cfg.MODEL.DCAC.DIFFUSION.SIZE) == [128, 128]
    assert cfg.MODEL.PIXEL_MEAN == cfg.MODEL.PIXEL_STD == [127.5] * 3
    assert cfg.INPUT.FLIP.ENABLED and cfg.INPUT.PADDING.ENABLED and cfg.INPUT.REA.ENABLED
    assert cfg.DATALOADER.SAMPLER_TRAIN == "NaiveIdentitySampler"
    assert defaults.build_optimizer.keywords == {"contiguous": False}
