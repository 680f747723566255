"""TEST.PRECISION is that of the features of a test, and of nothing else."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import dcac_fastreid
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionEncoder
from dcac_fastreid.engine.precision_of_test import in_test_precision
from dcac_fastreid.precision import tf32


class Seen(nn.Module):
    """Notes under what it computes; its features are the product's own."""

    def forward(self, images):
        product = images @ images
        self.dtype = product.dtype
        self.tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        return product


@pytest.mark.parametrize(
    ("precision", "dtype", "allowed"),
    [("fp32", torch.float32, False), ("tf32", torch.float32, True), ("bf16", torch.bfloat16, False)],
)
def test_features_are_computed_in_it(make_cfg, precision, dtype, allowed):
    model, before = Seen(), (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    with in_test_precision(make_cfg("ma_ms.yml", "TEST.PRECISION", precision), model):
        features = model(torch.ones(2, 2))
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32, "what is made of the features"
    assert model.dtype == dtype and model.tf32 == (allowed, allowed) and features.dtype == torch.float32
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
    model(torch.ones(2, 2))
    assert model.dtype == torch.float32


class Dictionary(nn.Module):
    def forward(self, images, *, scale=1):
        return {"features": scale * images}


def test_a_model_keeps_its_outputs_and_its_own_forward(make_cfg):
    """An output that is no tensor, inputs by keyword, use inside another, and a forward that was set on the instance."""
    cfg, model = make_cfg("ma_ms.yml"), Dictionary()
    with in_test_precision(cfg, model), in_test_precision(cfg, model):
        assert torch.equal(model(torch.ones(2), scale=2)["features"], 2 * torch.ones(2))
    assert "forward" not in model.__dict__
    own = model.forward = lambda images: images + 1
    with in_test_precision(cfg, model):
        assert torch.equal(model(torch.ones(2)), 2 * torch.ones(2))
    assert model.forward is own


def test_in_bf16_the_weights_are_cast_once(make_cfg):
    model, casts = nn.Linear(4, 4), []

    class Casts(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            if operation is torch.ops.aten._to_copy.default and args[0] is model.weight:
                casts.append(operation)
            return operation(*args, **(kwargs or {}))

    with in_test_precision(make_cfg("ma_ms.yml", "TEST.PRECISION", "bf16"), model), torch.no_grad(), Casts():
        for _ in range(3):
            model(torch.ones(2, 4))
    assert len(casts) == 1


def test_a_test_in_bf16_scores_nearly_the_same(make_cfg):
    cfg = make_cfg("ma_ms.yml", "MODEL.BACKBONE.PRETRAIN", True)
    trainer = dcac_fastreid.DCACTrainer
    model = trainer.build_model(dcac_fastreid.engine.config_file.changed(cfg, ["MODEL.HEADS.NUM_CLASSES", 8]))
    in_fp32, in_bf16 = (
        trainer.test(dcac_fastreid.engine.config_file.changed(cfg, ["TEST.PRECISION", precision]), model)["mAP"]
        for precision in ("fp32", "bf16")
    )
    assert in_fp32 != in_bf16 and in_bf16 == pytest.approx(in_fp32, abs=2)


def test_the_vae_computes_without_tf32(monkeypatch):
    seen = []

    class Vae(nn.Module):
        dtype = torch.float32

        class config:
            scaling_factor = 1.0

        def encode(self, images):
            seen.append((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
            raise StopIteration

    with tf32(True), pytest.raises(StopIteration):
        StableDiffusionEncoder(Vae())(torch.zeros(1, 3, 8, 8))
    assert seen == [(False, False)]
