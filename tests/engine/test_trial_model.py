"""The model is tried before a run begins: what does not fit together is told, what fits is as it was."""

import pytest
import torch

from dcac_fastreid.engine.trial_model import check_model
from dcac_fastreid.errors import InputError

HOST = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("CrossEntropyLoss",))
RESNET = ("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool")
SMALL = (*RESNET, "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512)
VIT = ("MODEL.BACKBONE.NAME", "build_vit_backbone", "MODEL.BACKBONE.DEPTH", "small", "MODEL.BACKBONE.FEAT_DIM", 768)


@pytest.mark.parametrize(
    "opts", [(), (*HOST, *SMALL), (*HOST, *VIT, "MODEL.HEADS.POOL_LAYER", "Identity")], ids=["ours", "ResNet", "ViT"]
)
def test_what_fits_passes_and_draws_nothing(make_cfg, opts):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    check_model(make_cfg("ma_ms.yml", *opts), training=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "opts, sentence",
    [
        ((*SMALL, "MODEL.BACKBONE.DEPTH", "19x"), "BACKBONE.NAME build_resnet_backbone .DEPTH 19x"),
        ((*SMALL, "MODEL.BACKBONE.FEAT_DIM", 2048), "FEAT_DIM 2048.*512"),
        (("INPUT.SIZE_TRAIN", [100, 64], "INPUT.SIZE_TEST", [100, 64]), "multiple of the patch size 16"),
        (("INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [128, 64]), "must agree"),
        (("MODEL.CLIP.ARCH", "nothing"), "ARCH is 'nothing', which is no open_clip model"),
        (("MODEL.CLIP.ARCH", "hf-hub:a/b"), "ARCH is 'hf-hub:a/b', which is no open_clip model"),
        (("MODEL.DCAC.LORA.TARGETS", ("to_x",)), "the LoRA target 'to_x' matches 0"),
        ((*SMALL, "SOLVER.MICRO_BATCH", 4), "has batch normalisation"),
        ((*SMALL, "SOLVER.CHECKPOINT_ACTIVATIONS", True), "which build_resnet_backbone does not offer"),
    ],
)
def test_what_does_not_fit_is_told(make_cfg, opts, sentence):
    with pytest.raises(InputError, match=sentence):
        check_model(make_cfg("ma_ms.yml", *opts), training=True)
