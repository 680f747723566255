"""Settings of SOLVER that change the model; that they change no number is in tests/test_dcac.py."""

import logging

import pytest
import torch

from dcac_fastreid.engine.captured_step import CapturedStep, why_not_captured
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.engine.trainer import DCACTrainer
from dcac_fastreid.errors import InputError
from dcac_fastreid.losses import PrototypeMemory

RESNET = (
    *("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512),
    *("MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool", "MODEL.HEADS.NUM_CLASSES", 8),
)
HOST = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("TripletLoss",))


def test_micro_batches_refuse_batch_normalisation(make_cfg):
    with pytest.raises(InputError, match="build_resnet_backbone has batch normalisation"):
        DCACTrainer.build_model(make_cfg("baseline/ma_ms.yml", *RESNET, "SOLVER.MICRO_BATCH", 8))


def test_a_backbone_without_activation_checkpointing_says_so(make_cfg):
    with pytest.raises(InputError, match="which build_resnet_backbone does not offer"):
        DCACTrainer.build_model(make_cfg("baseline/ma_ms.yml", *RESNET, "SOLVER.CHECKPOINT_ACTIVATIONS", True))


@pytest.mark.parametrize(
    "opts, reason",
    [
        (("SOLVER.MICRO_BATCH", -1), "SOLVER.MICRO_BATCH is -1"),
        (("SOLVER.MICRO_BATCH", 4, *HOST), "Baseline cannot"),
    ],
)
def test_sizes_and_architectures_that_cannot_be(make_trainer, opts, reason):
    with pytest.raises(InputError, match=reason):
        make_trainer("baseline/ma_ms.yml", *opts)


GPU = ("MODEL.DEVICE", "cuda", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")


@pytest.mark.parametrize(
    "opts, reason",
    [
        (("MODEL.DEVICE", "cpu"), "there is no GPU"),
        (("SOLVER.AMP.DTYPE", "fp16"), "fp16 decides"),
        (("SOLVER.OPT", "SGD"), "SOLVER.OPT is SGD"),
        (("MODEL.META_ARCHITECTURE", "Baseline"), "Baseline is an architecture of fast-reid"),
        (("SOLVER.CLIP_GRADIENTS.ENABLED", True), "gradients are clipped"),
        (
            ("MODEL.LOSSES.NAME", ("CrossEntropyLoss", "PrototypicalContrastiveLoss")),
            "fast-reid's CrossEntropyLoss may ask",
        ),
        (("MODEL.HEADS.CLS_LAYER", "CosSoftmax"), "MODEL.HEADS.CLS_LAYER CosSoftmax asks the GPU"),
        (("MODEL.FREEZE_LAYERS", ("backbone",)), "trains other weights later"),
        (("SOLVER.MICRO_BATCH", 8), "computed again"),
        (("MODEL.DCAC.TELEMETRY", 2), "MODEL.DCAC.TELEMETRY looks into steps"),
        ((), None),
    ],
)
def test_why_a_step_is_not_captured(make_cfg, monkeypatch, opts, reason):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = why_not_captured(changed(make_cfg("ma_ms.yml"), [*GPU, *opts]))
    assert found is None if reason is None else reason in found


def test_several_processes_record_no_step_which_is_no_error(make_cfg, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    cfg = changed(make_cfg("ma_ms.yml"), [*GPU, "SOLVER.CUDA_GRAPH", True])
    check_settings(cfg, training=True, processes=2)
    assert why_not_captured(cfg, 2) == "2 processes share each step"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_ordinary_step_runs_and_the_log_says_why(make_trainer, caplog, monkeypatch):
    trainer = make_trainer("ma_ms.yml", "SOLVER.CUDA_GRAPH", True, "TEST.EVAL_PERIOD", 0)
    monkeypatch.setattr(logging.getLogger("fastreid.dcac"), "handlers", [caplog.handler])
    trainer.train()
    assert "SOLVER.CUDA_GRAPH is True, but there is no GPU" in caplog.text
    assert trainer.iter == 3


def test_a_run_with_captured_steps_is_resumed_without(make_trainer):
    """Its optimizer was saved with a learning rate in a tensor, as a graph reads it."""
    captured, resumed = make_trainer("ma_ms.yml"), make_trainer("ma_ms.yml")
    for group in captured.optimizer.param_groups:
        group.update(lr=torch.tensor(group["lr"]), capturable=True)
    resumed.optimizer.load_state_dict(captured.optimizer.state_dict())
    assert all(isinstance(group["lr"], torch.Tensor) for group in resumed.optimizer.param_groups)
    resumed.resume_or_load(resume=False)
    assert all(isinstance(group["lr"], float) and not group["capturable"] for group in resumed.optimizer.param_groups)


def test_a_compiler_that_fails_leaves_the_parts_as_they_are(make_cfg, monkeypatch, caplog):
    def fails(function):
        raise RuntimeError("no working C++ compiler found\nmore")

    monkeypatch.setattr(torch, "compile", fails)
    model = DCACTrainer.build_model(make_cfg("ma_ms.yml", "SOLVER.COMPILE", True, "MODEL.HEADS.NUM_CLASSES", 8))
    assert "encoder and U-Net run as they are (no working C++ compiler found)" in caplog.text
    assert model.backbone._compiled_call_impl is None


def trained(make_trainer, *opts):
    trainer = make_trainer("ma_ms.yml", "SOLVER.MAX_EPOCH", 3, "TEST.EVAL_PERIOD", 0, "SEED", 0, *opts)
    trainer.train()
    return trainer


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("opts", [(), ("MODEL.DCAC.CONDITIONER.VIEW", "camera"), ("MODEL.DCAC.BALANCE", 0.3)], ids=str)
def test_a_captured_step_trains_as_the_ordinary_one(make_trainer, opts):
    """Nine steps: three ordinary, six replayed, with a learning rate that changes; also what is logged."""
    plain, captured = (
        trained(make_trainer, *GPU, *opts),
        trained(make_trainer, *GPU, *opts, "SOLVER.CUDA_GRAPH", True),
    )
    assert isinstance(captured._train_on_batch, CapturedStep) and captured._train_on_batch.recorded
    for (name, p), q in zip(captured.model.named_parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4, msg=name)
    for name in ("loss_cls", "loss_diffusion", "cls_accuracy", "lr"):
        values = [trainer.storage.history(name).values() for trainer in (captured, plain)]
        assert [step for _, step in values[0]] == [step for _, step in values[1]]
        assert [v for v, _ in values[0]] == pytest.approx([v for v, _ in values[1]], rel=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_after_a_recording_that_fails_random_numbers_go_on(make_trainer, monkeypatch):
    """Those of PyTorch's own generator, which the recording has begun to follow."""
    update = PrototypeMemory.update

    def asking(self, features, targets):
        assert torch.nn.functional.dropout(features).sum().item() is not None
        update(self, features, targets)

    monkeypatch.setattr(PrototypeMemory, "update", asking)
    trainer = trained(make_trainer, *GPU, "SOLVER.CUDA_GRAPH", True)
    assert not trainer._train_on_batch.recorded and trainer.iter == 9
    assert len(torch.rand(8, device="cuda").unique()) == 8


@pytest.mark.slow
@pytest.mark.timeout(900)  # the compiler itself takes 100 s on an idle core
def test_compiled_parts_give_the_losses_of_the_plain_ones(make_trainer):
    """And a checkpoint of the same names."""
    plain, compiled = trained(make_trainer), trained(make_trainer, "SOLVER.COMPILE", True)
    assert plain.model.state_dict().keys() == compiled.model.state_dict().keys()
    assert compiled.model.backbone._compiled_call_impl is not None
    losses = [[v for v, _ in trainer.storage.history("total_loss").values()] for trainer in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
