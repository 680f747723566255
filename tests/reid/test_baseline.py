import pytest
import torch

from fastreid.modeling import build_model
from fastreid.utils.events import EventStorage


def build(make_cfg, *opts):
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", 8, "MODEL.BACKBONE.PRETRAIN", False, *opts)
    return build_model(cfg)


def batch(size=8):
    torch.manual_seed(0)
    return {"images": 255 * torch.rand(size, 3, 128, 64), "targets": torch.arange(size) % 4, "img_paths": [""] * size}


def filled(model):
    torch.manual_seed(1)
    model.memory.reset(torch.randn(8, 128), torch.arange(8))
    return model


def test_classifier_starts_small_and_has_no_bias(make_cfg):
    """fast-reid's head alone would start at a standard deviation of 0.01 (FACTS: classifier init)."""
    head = build(make_cfg).heads
    assert head.weight.std().item() == pytest.approx(0.001, rel=0.1)
    assert {name for name, _ in head.named_parameters()} == {"weight", "bottleneck.0.weight", "bottleneck.0.bias"}
    assert not head.bottleneck[0].bias.requires_grad


def test_gives_the_two_losses_and_moves_the_prototypes_after_them(make_cfg):
    model = filled(build(make_cfg)).train()
    before = model.memory.prototypes.clone()
    inputs = batch()
    with EventStorage(0):
        losses = model({**inputs, "images": inputs["images"].clone()})
    assert losses.keys() == {"loss_cls", "loss_pcl"}
    features = torch.nn.functional.normalize(
        model.heads.bottleneck(model.backbone((inputs["images"] - 127.5) / 127.5))[..., 0, 0]
    )
    expected = torch.nn.functional.cross_entropy(features @ before.T / 0.05, inputs["targets"])
    torch.testing.assert_close(losses["loss_pcl"], expected, rtol=1e-4, atol=1e-4)
    moved = (model.memory.prototypes != before).any(1)
    assert moved.tolist() == [True] * 4 + [False] * 4  # the identities of the batch


def test_precise_bn_moves_statistics_alone(make_cfg):
    """fast-reid's PreciseBN runs the model in training mode without gradient, on a data set of other identities."""
    model = filled(build(make_cfg)).train()
    prototypes, mean = model.memory.prototypes.clone(), model.heads.bottleneck[0].running_mean.clone()
    with torch.no_grad(), EventStorage(0):
        assert model({**batch(), "targets": torch.arange(8) + 1000}) == {}
    assert torch.equal(model.memory.prototypes, prototypes)
    assert not torch.equal(model.heads.bottleneck[0].running_mean, mean)


def test_unfilled_prototypes_stop_training(make_cfg):
    with EventStorage(0), pytest.raises(RuntimeError, match="dcac-fastreid train"):
        build(make_cfg).train()(batch())


def test_evaluation_gives_features_after_the_neck(make_cfg):
    model = build(make_cfg).eval()
    images = batch()["images"]
    expected = model.heads.bottleneck(model.backbone((images - 127.5) / 127.5))[..., 0, 0]
    torch.testing.assert_close(model({"images": images.clone()}), expected)


def test_normalisation_does_not_write_into_the_batch(make_cfg):
    """fast-reid's does, so that its TEST.FLIP normalises the flipped images twice."""
    model, images = build(make_cfg).eval(), batch()["images"]
    before = images.clone()
    model({"images": images})
    assert torch.equal(images, before)


def test_features_before_the_neck_are_refused(make_cfg):
    with pytest.raises(ValueError, match="NECK_FEAT is 'before'"):
        build(make_cfg, "MODEL.HEADS.NECK_FEAT", "before")


def test_loading_misses_no_weight_of_the_encoder(make_cfg):
    model = build(make_cfg)
    state = model.state_dict()
    state.pop("backbone.tower.conv1.weight")  # frozen, so a checkpoint "without frozen weights" would lack it
    with pytest.raises(ValueError, match="backbone.tower.conv1.weight"):
        model.load_state_dict(state, strict=False)
    with pytest.raises(ValueError, match="is it of this architecture"):
        model.load_state_dict({"other": torch.zeros(1)}, strict=False)


def test_a_checkpoint_of_dcac_loads_without_its_training_side(make_cfg):
    model = build(make_cfg)
    state = {**model.state_dict(), "conditioner.prompts": torch.zeros(8, 64), "feedback.denoiser.x": torch.zeros(1)}
    result = model.load_state_dict(state, strict=False)
    assert not result.missing_keys and not result.unexpected_keys


@pytest.mark.parametrize(("updates", "moved"), [(1, 0.1), (2, 0.19)])
@pytest.mark.parametrize("micro_batch", [0, 3])
def test_the_bnnecks_statistics_move_as_often_as_the_key_says(make_cfg, updates, moved, micro_batch):
    """FACTS: called twice a step, the running mean moves x 1.9. Losses and gradients stay those of one call."""
    inputs = batch()
    models = [
        filled(seeded_build(make_cfg, "MODEL.HEADS.BNNECK_UPDATES", count, "SOLVER.MICRO_BATCH", micro_batch)).train()
        for count in (1, updates)
    ]
    losses = []
    for model in models:
        with EventStorage(0):
            losses.append(model({**inputs, "images": inputs["images"].clone()}))
        sum(losses[-1].values()).backward()
    with torch.no_grad():
        features = models[1].backbone((inputs["images"] - 127.5) / 127.5).flatten(1)
    neck = models[1].heads.bottleneck[0]
    torch.testing.assert_close(neck.running_mean, moved * features.mean(0), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(neck.running_var, 1 - moved + moved * features.var(0), rtol=1e-3, atol=1e-5)
    assert neck.num_batches_tracked == updates
    assert all(torch.equal(losses[0][name], losses[1][name]) for name in losses[0])
    grads = [[p.grad for p in model.parameters() if p.requires_grad] for model in models]
    assert all(torch.equal(one, two) for one, two in zip(*grads, strict=True))


def seeded_build(make_cfg, *opts):
    torch.manual_seed(2)
    return build(make_cfg, *opts)


def test_a_pass_for_statistics_alone_moves_them_once(make_cfg):
    """fast-reid's PreciseBN averages what each batch leaves behind with a momentum of 1."""
    model = seeded_build(make_cfg, "MODEL.HEADS.BNNECK_UPDATES", 2).train()
    with torch.no_grad(), EventStorage(0):
        model(batch())
    assert model.heads.bottleneck[0].num_batches_tracked == 1
