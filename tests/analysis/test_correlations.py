import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dcac_fastreid.analysis import correlations
from dcac_fastreid.analysis.classifier import (
    Classified,
    class_logits,
    classify,
    condition_probabilities,
    mean_by_identity,
    most_correlated,
)
from dcac_fastreid.analysis.identities import draw_identities
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages import sheet
from dcac_fastreid.tensor_files import read_tensor_file
from fastreid.modeling.heads import EmbeddingHead


@pytest.mark.parametrize("kind", ["Linear", "CosSoftmax"])
def test_logits_are_those_that_the_head_gives_in_training(kind):
    torch.manual_seed(0)
    head = EmbeddingHead(
        feat_dim=6, embedding_dim=0, num_classes=5, neck_feat="after", pool_type="Identity", cls_type=kind, scale=4,
        margin=0.3, with_bnneck=False, norm_type="BN",
    )  # fmt: skip
    nn.init.normal_(head.weight)
    features = torch.randn(3, 6)
    expected = head.train()(features[..., None, None], torch.tensor([0, 1, 2]))["pred_class_logits"]
    torch.testing.assert_close(class_logits(head, features), expected)


def test_the_mean_is_that_of_a_plain_loop(dcac_run):
    images = dcac_run.training_images
    classified = classify(dcac_run, images)
    mean = mean_by_identity(condition_probabilities(dcac_run, classified), [image.label for image in images])
    sums, counts = np.zeros((8, 8)), np.zeros(8)
    for image, feature in zip(images, classified.features, strict=True):
        scores = np.exp(
            (dcac_run.model.heads.weight.detach() @ feature).double().numpy() / 0.6
        )  # Eq. 12, τ of the config
        sums[image.label] += scores / scores.sum()
        counts[image.label] += 1
    np.testing.assert_allclose(mean, sums / counts[:, None], rtol=1e-5)
    assert counts.tolist() == [6] * 8


def test_features_are_without_augmentation_and_in_order(dcac_run):
    images = dcac_run.training_images[:5]
    with torch.no_grad():
        expected = torch.cat([dcac_run.model(dcac_run.batch([image])) for image in images])
    torch.testing.assert_close(classify(dcac_run, images).features, expected, atol=1e-4, rtol=1e-4)


def test_the_condition_may_have_its_probabilities_from_the_prototypes(dcac_run):
    run = Run(dcac_run.checkpoint, opts=["MODEL.DCAC.CONDITIONER.PROBS", "prototypes"])
    prototypes = read_tensor_file(run.checkpoint)["model"]["memory.prototypes"]
    features = torch.randn(3, 128, generator=torch.Generator().manual_seed(0))
    found = condition_probabilities(run, Classified(features, logits=torch.zeros(3, 8)))
    expected = torch.softmax(F.normalize(features) @ prototypes.T / run.cfg.MODEL.LOSSES.PCL.TAU, dim=1)
    torch.testing.assert_close(found, expected)
    assert "of the prototypes" in correlations._source(run)


def test_the_most_correlated_are_others_in_order():
    mean = torch.tensor([[0.7, 0.1, 0.2], [0.3, 0.4, 0.3], [0.0, 0.0, 1.0]])
    assert most_correlated(mean, 0, 5) == [(2, pytest.approx(0.2)), (1, pytest.approx(0.1))]
    assert [label for label, _ in most_correlated(mean, 2, 1)] in ([0], [1])


def test_look_alikes_come_side_by_side():
    """0 and 2, 1 and 3 take each other for themselves."""
    mean = torch.full((4, 4), 0.01)
    for a, b in ((0, 2), (1, 3)):
        mean[a, b] = mean[b, a] = 0.4
    order = correlations._order(mean)
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset((0, 2)), frozenset((1, 3))}


def test_a_page_has_the_nearest_and_all(dcac_run, baseline_run):
    nearest, matrix = correlations.sections(dcac_run, number=1, nearest=3)
    assert [nearest.name, matrix.name] == ["correlations-nearest", "correlations-matrix"]
    assert [tile.lines[0] for tile in nearest.strips[0].tiles] == ["itself", "other 1", "other 2", "other 3"]
    assert "probabilities of DCAC (dcac)'s condition (Eq. 12, of the classifier, temperature 0.6)" in nearest.caption
    assert "All 8 training identities" in matrix.caption
    nearest, matrix = correlations.sections(baseline_run, number=1, nearest=20)
    assert len(nearest.strips[0].tiles) == 8, "as many as there are"
    assert all("baseline (baseline) makes no condition of them" in image.caption for image in (nearest, matrix))


def test_the_same_seed_draws_the_same_identities():
    assert draw_identities(60, 6, seed=0) == draw_identities(60, 6, seed=0) != draw_identities(60, 6, seed=1)
    assert sorted(draw_identities(8, 20, seed=0)) == list(range(8))  # all, where there are fewer


def test_no_identities_is_one_sentence(dcac_run):
    with pytest.raises(InputError, match="images of 0 identities are asked for; expected 1 or more"):
        correlations.sections(dcac_run, number=0)
    with pytest.raises(InputError, match="0 others beside each identity are asked for; expected 1 or more"):
        correlations.sections(dcac_run, nearest=0)


def test_more_than_a_sheet_holds_is_one_sentence_before_anything_is_computed(dcac_run, monkeypatch):
    monkeypatch.setattr(sheet, "MOST", 60)
    monkeypatch.setattr(correlations, "classify", lambda *_: pytest.fail("computed"))
    with pytest.raises(InputError, match="64 images on one sheet are asked for; expected at most 60: choose fewer"):
        correlations.sections(dcac_run, number=1000, nearest=500)  # 8 and 7 of them are there
