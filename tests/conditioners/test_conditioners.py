import pytest
import torch

from dcac_fastreid.conditioners import (
    ClassWiseConditioner,
    CorrelationAwareConditioner,
    InstanceWiseConditioner,
    build_conditioner,
)

B, N, D, C = 6, 5, 8, 12


def inputs():
    torch.manual_seed(0)
    features = torch.randn(B, D, requires_grad=True)
    classifier = torch.randn(N, D, requires_grad=True)
    batch = {
        "features": features,
        "logits": features @ classifier.T,
        "targets": torch.arange(B) % N,
        "prototypes": torch.nn.functional.normalize(torch.randn(N, D)),
    }
    return features, classifier, batch


SCHEMES = {
    "correlation-aware": lambda: CorrelationAwareConditioner(num_classes=N, condition_dim=C, temperature=0.6),
    "class-wise": lambda: ClassWiseConditioner(num_classes=N, condition_dim=C, temperature=0.6),
    "class-wise, rescaled": lambda: ClassWiseConditioner(num_classes=N, condition_dim=C, temperature=0.6, rescale=True),
    "instance-wise": lambda: InstanceWiseConditioner(feature_dim=D, condition_dim=C),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_gives_one_token(scheme):
    assert SCHEMES[scheme]()(**inputs()[2]).shape == (B, 1, C)


@pytest.mark.parametrize(
    ("scheme", "to_encoder", "to_classifier"),
    [
        ("correlation-aware", True, True),
        ("class-wise", True, True),
        ("class-wise, rescaled", False, False),  # the release's reading of Table 7
        ("instance-wise", True, False),
    ],
)
def test_where_the_gradient_goes(scheme, to_encoder, to_classifier):
    features, classifier, batch = inputs()
    conditioner = SCHEMES[scheme]()
    (conditioner(**batch) ** 2).sum().backward()
    assert (features.grad is not None and bool(features.grad.abs().sum() > 0)) == to_encoder
    assert (classifier.grad is not None and bool((classifier.grad.abs().sum(1) > 0).all())) == to_classifier
    assert all(parameter.grad.abs().sum() > 0 for parameter in conditioner.parameters())


def test_correlation_aware_agrees_with_equation_12():
    _, _, batch = inputs()
    conditioner = SCHEMES["correlation-aware"]()
    condition = conditioner(**batch)
    for i in range(B):
        weights = [torch.exp(batch["logits"][i, j] / 0.6) for j in range(N)]
        expected = sum(weights[j] * conditioner.prompts[j] for j in range(N)) / sum(weights)
        torch.testing.assert_close(condition[i, 0], expected)


def test_certain_probabilities_pick_one_prompt():
    conditioner = SCHEMES["correlation-aware"]()
    logits = 1e4 * torch.nn.functional.one_hot(torch.arange(B) % N, N).float()
    condition = conditioner(features=None, logits=logits, targets=None, prototypes=None)
    torch.testing.assert_close(condition[:, 0], conditioner.prompts[torch.arange(B) % N])


def test_class_wise_keeps_the_probability_of_the_own_identity():
    _, _, batch = inputs()
    conditioner = SCHEMES["class-wise"]()
    own = (batch["logits"] / 0.6).softmax(1)[range(B), batch["targets"]]
    torch.testing.assert_close(conditioner(**batch)[:, 0], own[:, None] * conditioner.prompts[batch["targets"]])


def test_prompts_start_at_unit_variance():
    torch.manual_seed(0)
    prompts = CorrelationAwareConditioner(num_classes=100, condition_dim=768, temperature=0.6).prompts
    assert prompts.std().item() == pytest.approx(1.0, abs=0.01)


def test_unknown_names_and_temperatures_are_refused(make_cfg):
    with pytest.raises(ValueError, match="CorrelationAwareConditioner, "):
        build_conditioner(make_cfg("ma_ms.yml", "MODEL.DCAC.CONDITIONER.NAME", "Nobody"), condition_dim=C)
    with pytest.raises(ValueError, match="MODEL.DCAC.CONDITIONER.TAU is 0"):
        build_conditioner(make_cfg("ma_ms.yml", "MODEL.DCAC.CONDITIONER.TAU", 0.0), condition_dim=C)
