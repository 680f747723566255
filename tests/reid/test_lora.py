"""MODEL.CLIP.TUNING "lora": what it computes, which weights train, and what a checkpoint of it is tested as."""

import pytest
import torch
from torch import nn

from dcac_fastreid.checkpoint.checkpointer import load_for_testing
from dcac_fastreid.engine.settings import check_settings
from dcac_fastreid.engine.trainer import DCACTrainer
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.lora import LowRankUpdate, adapt_tower

LORA = ("MODEL.CLIP.TUNING", "lora", "MODEL.CLIP.LORA_RANK", 2)
CONFIG = "baseline/ma_ms.yml"


def test_a_hand_worked_update():
    update = LowRankUpdate(torch.zeros(2, 2), rank=1)
    update.lora_A.data, update.lora_B.data = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [0.0]])
    assert torch.equal(update(torch.ones(2, 2)), torch.tensor([[1 + 2 * 3.0, 1 + 2 * 6.0], [1.0, 1.0]]))


def test_adapters_change_nothing_at_first_and_all_of_them_train():
    plain, adapted = CLIPViT("synthetic-ViT-16", (128, 64)), CLIPViT("synthetic-ViT-16", (128, 64))
    adapted.load_state_dict(plain.state_dict())
    before = torch.get_rng_state()
    adapt_tower(adapted.tower, rank=2, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    images = torch.randn(2, 3, 128, 64)
    torch.testing.assert_close(adapted(images), plain(images))
    trained = [name for name, weight in adapted.named_parameters() if weight.requires_grad]
    assert len(trained) == 4 * 4 * 2 and all(".lora_" in name for name in trained)  # blocks, weights, A and B
    for name, weight in adapted.named_parameters():
        if name.endswith("lora_B"):
            nn.init.normal_(weight)
    adapted(images).sum().backward()
    assert all(weight.grad.norm() > 0 for weight in adapted.parameters() if weight.requires_grad)
    with torch.no_grad():  # attention then takes PyTorch's fused way
        torch.testing.assert_close(adapted.eval()(images), adapted.train()(images))


def test_a_run_moves_the_adapters_alone_and_its_checkpoint_is_tested(make_trainer, make_cfg):
    trainer = make_trainer(CONFIG, *LORA)
    start = {name: weight.clone() for name, weight in trainer.model.backbone.state_dict().items()}
    scores = trainer.train()
    end = trainer.model.backbone.state_dict()
    assert {name for name in end if not torch.equal(end[name], start[name])} == {n for n in end if ".lora_" in n}
    cfg = make_cfg(CONFIG, *LORA, "MODEL.WEIGHTS", f"{trainer.cfg.OUTPUT_DIR}/model_final.pth")
    results = DCACTrainer.test(cfg, load_for_testing(cfg))
    assert results["mAP"] == scores["mAP"]


def test_the_classifier_starts_as_without(make_cfg):
    weights = []
    for opts in ((), LORA):
        torch.manual_seed(0)
        weights.append(DCACTrainer.build_model(make_cfg(CONFIG, "MODEL.HEADS.NUM_CLASSES", 8, *opts)).heads.weight)
    assert torch.equal(*weights)


def test_what_cannot_take_adapters_is_refused(small_siglip, make_cfg):
    with pytest.raises(InputError, match="has no blocks of open_clip's own ViT"):
        adapt_tower(CLIPViT(small_siglip, (128, 64)).tower, rank=2, seed=0)
    with pytest.raises(InputError, match="factors would be interpolated one by one"):
        check_settings(make_cfg(CONFIG, *LORA, "SOLVER.INTERPOLATE.ALPHA", 0.7), training=True, processes=1)
