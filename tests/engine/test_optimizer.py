"""Few groups and a fused kernel train as fast-reid's group for every weight does."""

import functools

import pytest
import torch

from dcac_fastreid.config.host_keys import OPTIMIZERS
from dcac_fastreid.engine.optimizer import FUSED, build_optimizer
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.solver import build_optimizer as build_host_optimizer
from fastreid.utils.events import EventStorage

FACTORS = ("SOLVER.PROMPTS_LR_FACTOR", 100.0, "SOLVER.LORA_LR_FACTOR", 10.0, "SOLVER.WEIGHT_DECAY_NORM", 0.5)


@pytest.fixture
def model_of(make_trainer):
    def make(*opts):
        trainer = make_trainer("ma_ms.yml", *opts)
        return trainer.model, trainer.optimizer, trainer.cfg

    return make


def test_groups_are_few_and_hold_all_that_gets_a_gradient(model_of):
    model, optimizer, _ = model_of(*FACTORS)
    rates = sorted((group["initial_lr"], group["weight_decay"]) for group in optimizer.param_groups)
    assert rates == [(1e-3, 1e-4), (1e-3, 0.5), (1e-2, 1e-4), (1e-1, 1e-4)]
    held = {p for group in optimizer.param_groups for p in group["params"]}
    unused = set(model.unused_parameters())
    assert held == {p for p in model.parameters() if p.requires_grad} - unused
    assert {name for name, p in model.named_parameters() if p in unused and p.requires_grad} == {
        name
        for name, _ in model.named_parameters()
        if ".lora_" in name and ("attn2.to_q" in name or "attn2.to_k" in name)
    }
    assert all(group["fused"] for group in optimizer.param_groups)


@pytest.mark.parametrize("name", FUSED)
def test_training_is_that_of_a_group_for_every_weight(model_of, name):
    """Three steps with the same gradients, with decay, and with gradients clipped at their norm."""
    model, _, cfg = model_of(
        *("SOLVER.OPT", name, "SOLVER.CLIP_GRADIENTS.ENABLED", True, "SOLVER.CLIP_GRADIENTS.CLIP_TYPE", "value"),
        *("SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 0.01, "SOLVER.BASE_LR", 1e-2, "SOLVER.WEIGHT_DECAY_NORM", 0.5),
    )
    start = {n: p.detach().clone() for n, p in model.named_parameters()}
    ends = []
    for build in (build_optimizer, functools.partial(build_host_optimizer, contiguous=False)):
        made, _ = build(cfg, model)
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.copy_(start[n])
        generator = torch.Generator().manual_seed(0)
        for _ in range(3):
            for p in model.parameters():
                p.grad = torch.randn(p.shape, generator=generator) if p.requires_grad else None
            made.step()
        unused = set(model.unused_parameters())
        ends.append({n: p.detach().clone() for n, p in model.named_parameters() if p not in unused})
    for n, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][n], rtol=1e-5, atol=1e-6, msg=n)
    assert not torch.equal(ends[0]["heads.weight"], start["heads.weight"])


def test_rates_fall_from_the_last_block_to_the_first(model_of):
    """4 blocks, decay 1/2, rate 1e-3, classifier x 4: by hand."""
    model, optimizer, _ = model_of("SOLVER.LAYER_DECAY", 0.5, "SOLVER.HEADS_LR_FACTOR", 4.0)
    rate_of = {p: group["initial_lr"] for group in optimizer.param_groups for p in group["params"]}
    rates = {name: rate_of[p] for name, p in model.named_parameters() if p in rate_of}
    tower = "backbone.tower"
    assert [rates[f"{tower}.transformer.resblocks.{k}.mlp.c_proj.weight"] for k in range(4)] == [
        *(0.125e-3, 0.25e-3, 0.5e-3, 1e-3)
    ]
    assert rates[f"{tower}.positional_embedding"] == rates[f"{tower}.ln_pre.weight"] == 0.0625e-3
    assert rates[f"{tower}.proj"] == rates[f"{tower}.ln_post.bias"] == rates["conditioner.prompts"] == 1e-3
    assert rates["heads.weight"] == 4e-3


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # the host's Lamb calls PyTorch as it was before 1.5
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_in_few_groups(model_of, name):
    model, optimizer, _ = model_of("SOLVER.OPT", name)
    assert type(optimizer).__name__ == name and len(optimizer.param_groups) == 1
    before = model.conditioner.prompts.detach().clone()
    for p in optimizer.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert not torch.equal(model.conditioner.prompts, before)


def test_freezing_by_name_keeps_its_groups(model_of):
    """The host's FREEZE_ITERS reads `freeze_status` of every group."""
    model, optimizer, _ = model_of("MODEL.FREEZE_LAYERS", ("backbone",), "SOLVER.FREEZE_ITERS", 1)
    status = {p: group["freeze_status"] for group in optimizer.param_groups for p in group["params"]}
    assert {status[p] for p in model.backbone.parameters() if p.requires_grad} == {"freeze"}
    assert {status[p] for p in model.heads.parameters() if p.requires_grad} == {"normal"}


def test_the_host_trains_with_it(make_trainer):
    trainer = make_trainer("baseline/ma_ms.yml")
    before = trainer.model.heads.weight.detach().clone()
    trainer.model.memory.filled = True
    with EventStorage(0):
        trainer._trainer.run_step()
    assert isinstance(trainer._trainer, SimpleTrainer) and not torch.equal(trainer.model.heads.weight, before)
