import re
import sys

import numpy as np
import pytest
import torch
from torch import nn

from dcac_fastreid.analysis import grad_cam
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model


def test_the_map_is_the_activation_weighted_by_the_mean_gradient():
    """Selvaraju et al. 2017, eq. 1 and 2, where the gradient can be written down: a classifier of mean-pooled maps."""
    generator = torch.Generator().manual_seed(0)
    convolution, classifier = nn.Conv2d(3, 4, 1, bias=False), nn.Linear(4, 5, bias=False)
    model = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classifier).eval()
    with torch.no_grad():
        for layer in (convolution, classifier):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
    images, labels = torch.randn(2, 3, 6, 4, generator=generator), [3, 1]
    maps = grad_cam.activation_maps(model, images, labels)
    activations = convolution(images).detach().numpy()
    for shown, activation, label in zip(maps, activations, labels, strict=True):
        expected = np.zeros((6, 4))
        for channel in range(4):
            weight = classifier.weight[label, channel].item() / 24  # the gradient at each of 24 places
            expected += weight * activation[channel]
        expected = np.maximum(expected, 0)
        expected = (expected - expected.min()) / (expected.max() - expected.min())
        np.testing.assert_allclose(shown, expected, atol=1e-4)


def test_scores_are_the_logits_of_the_training(dcac_run):
    """W f of features after the BNNeck, whatever head; and the batch stays as it was."""
    images = dcac_run.batch(dcac_run.training_images[:3])["images"]
    before = images.clone()
    scores = grad_cam.Scores(dcac_run.model)(images)
    features = dcac_run.model({"images": images.clone()})
    torch.testing.assert_close(scores, features @ dcac_run.model.heads.weight.T)
    assert torch.equal(images, before)


def test_another_identity_has_another_map(dcac_run):
    images = dcac_run.batch(dcac_run.training_images[:1] * 2)["images"]
    own, other = grad_cam.activation_maps(grad_cam.Scores(dcac_run.model), images, [0, 5])
    assert own.shape == (128, 64)
    assert 0 <= own.min() and own.max() == pytest.approx(1, abs=1e-3)
    assert np.abs(own - other).max() > 0.1


def test_a_cnn_of_the_host_has_its_maps(make_cfg, tmp_path):
    """Another meta-architecture, backbone and classifier: untrained, since only the way is asked for."""
    cfg = make_cfg(
        "baseline/ma_ms.yml",
        "MODEL.META_ARCHITECTURE", "Baseline",
        "MODEL.BACKBONE.NAME", "build_resnet_backbone",
        "MODEL.BACKBONE.DEPTH", "18x",
        "MODEL.BACKBONE.FEAT_DIM", 512,
        "MODEL.BACKBONE.PRETRAIN", False,
        "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool",
        "MODEL.HEADS.CLS_LAYER", "CircleSoftmax",
        "MODEL.HEADS.NUM_CLASSES", 8,
        "MODEL.LOSSES.NAME", ("CrossEntropyLoss",),
    )  # fmt: skip
    torch.manual_seed(0)
    torch.save({"model": build_model(cfg).state_dict()}, tmp_path / "model_final.pth")
    (tmp_path / "config.yaml").write_text(cfg.dump())
    run = Run(tmp_path / "model_final.pth")
    images = run.batch(run.training_images[:2])["images"]
    own, other = (grad_cam.activation_maps(grad_cam.Scores(run.model), images, labels) for labels in ([0, 0], [5, 5]))
    assert own.shape == (2, 128, 64) and np.abs(own - other).max() > 0.1


def test_every_run_is_shown_on_the_same_pairs(dcac_run, baseline_run):
    (alone,) = grad_cam.sections(baseline_run, number=1, seed=3)
    (both,) = grad_cam.sections(baseline_run, others=[dcac_run], number=1, seed=3)
    assert alone.name == both.name == "grad-cam"
    (first,), (second,) = alone.strips, both.strips
    runs = ["baseline (baseline)", "baseline (baseline)", "DCAC (dcac)", "DCAC (dcac)"]
    assert [tile.lines[1] for tile in second.tiles[1:-1]] == runs
    assert [tile.lines[0] for tile in first.tiles] == ["image of A", "under A", "under B", "image of B"]
    assert first.tiles[0] == second.tiles[0] and first.tiles[-1] == second.tiles[-1]
    assert "B is the identity for which baseline (baseline) takes A's images most" in both.caption
    assert grad_cam.sections(baseline_run, number=1, seed=3) == [alone]


def test_the_columns_are_under_a_and_under_b(dcac_run, monkeypatch):
    asked, dark = [], np.zeros((2, 128, 64), dtype=np.float32)
    monkeypatch.setattr(grad_cam, "activation_maps", lambda scores, images, labels: asked.append(labels) or dark)
    pairs = grad_cam._pairs(dcac_run, number=2, seed=0)
    maps = grad_cam._maps(dcac_run, pairs)
    assert [[tile.lines[0] for tile in of_pair] for of_pair in maps] == [["under A", "under B"]] * 2
    assert asked == [[pair.image.label for pair in pairs], [pair.other.label for pair in pairs]]


def test_the_other_identity_is_the_likeliest_of_all_images(dcac_run):
    """Eq. 12 by a plain loop over the images of A."""
    tau, weight = dcac_run.cfg.MODEL.DCAC.CONDITIONER.TAU, dcac_run.model.heads.weight.detach()
    for pair in grad_cam._pairs(dcac_run, number=3, seed=0):
        total = torch.zeros(8)
        images = [image for image in dcac_run.training_images if image.label == pair.image.label]
        for image in images:
            with torch.no_grad():
                feature = dcac_run.model(dcac_run.batch([image]))[0]
            total += torch.softmax(weight @ feature / tau, dim=0) / len(images)
        total[pair.image.label] = 0
        assert pair.other.label == total.argmax() and pair.probability == pytest.approx(total.max().item(), rel=1e-4)


def test_runs_of_other_identities_are_one_sentence(dcac_run, baseline_run):
    other = Run(baseline_run.checkpoint, opts=["DATASETS.NAMES", ("DG_DukeMTMC",)])
    with pytest.raises(InputError, match=r"on other identities \(8 of DG_DukeMTMC\) than .* \(8 of DG_Market1501\)"):
        grad_cam.sections(dcac_run, others=[other])


def test_an_encoder_alone_is_one_sentence(dcac_run, tmp_path):
    weights = {key: value for key, value in dcac_run.model.state_dict().items() if key != "heads.weight"}
    torch.save({"model": weights}, tmp_path / "encoder.pth")
    run = Run(tmp_path / "encoder.pth", dcac_run.checkpoint.parent / "config.yaml")
    with pytest.raises(InputError, match="encoder.pth has no classifier"):
        grad_cam.sections(run)


def test_a_missing_library_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(ImportError, match=re.escape("install it with: pip install grad-cam")):
        grad_cam.activation_maps(nn.Identity(), torch.zeros(1, 3, 4, 4), [0])
