import pytest
import torch

from dcac_fastreid.conditioners import (
    ClassWiseConditioner,
    CorrelationAwareConditioner,
    InstanceWiseConditioner,
    build_conditioner,
    check_conditioner,
)
from dcac_fastreid.conditioners.transforms import TRANSFORMS, build_transform
from dcac_fastreid.errors import InputError

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


def correlation_aware(**settings):
    return CorrelationAwareConditioner(num_classes=N, condition_dim=C, temperature=0.6, **settings)


SCHEMES = {
    "correlation-aware": correlation_aware,
    "of prototypes": lambda: correlation_aware(source="prototypes", prototype_temperature=0.05),
    "of both": lambda: correlation_aware(source="both", prototype_temperature=0.05),
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
        ("of prototypes", True, False),
        ("of both", True, True),
        ("class-wise", True, True),
        ("class-wise, rescaled", False, False),  # the reading of the authors' code of Table 7
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


def test_instance_wise_maps_the_unit_feature():
    features, _, batch = inputs()
    conditioner = SCHEMES["instance-wise"]()
    for i in range(B):
        unit = features[i] / (features[i] ** 2).sum().sqrt()
        expected = [sum(unit[d] * conditioner.matrix[d, k] for d in range(D)) for k in range(C)]
        torch.testing.assert_close(conditioner(**batch)[i, 0], torch.stack(expected))


def test_prototypes_say_the_probabilities_by_their_cosine():
    """softmax of cos(f, K[j]) / τ_m, in a loop; "both" is the mean of the two softmaxes, not of the logits."""
    features, _, batch = inputs()
    prototypes = SCHEMES["of prototypes"]()
    both = SCHEMES["of both"]()
    for i in range(B):
        unit = features[i] / (features[i] ** 2).sum().sqrt()
        by_prototypes = [torch.exp((unit * batch["prototypes"][j]).sum() / 0.05) for j in range(N)]
        by_classifier = [torch.exp(batch["logits"][i, j] / 0.6) for j in range(N)]
        p = [weight / sum(by_prototypes) for weight in by_prototypes]
        q = [weight / sum(by_classifier) for weight in by_classifier]
        expected = sum(p[j] * prototypes.prompts[j] for j in range(N))
        torch.testing.assert_close(prototypes(**batch)[i, 0], expected)
        expected = sum((p[j] + q[j]) / 2 * both.prompts[j] for j in range(N))
        torch.testing.assert_close(both(**batch)[i, 0], expected)


def test_prototype_probabilities_leave_autocast():
    """In bfloat16 a cosine divided by 0.01 is off by some tenths."""
    _, _, batch = inputs()
    conditioner = correlation_aware(source="prototypes", prototype_temperature=0.01)
    asked = {key: batch[key].detach() for key in ("features", "logits", "prototypes")}
    exact = conditioner.probabilities(**{key: value.double() for key, value in asked.items()})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(conditioner.probabilities(**asked).double(), exact, rtol=1e-3, atol=1e-6)


def test_the_prototypes_may_move_before_backward():
    """Eq. 7 writes them in place when the losses are computed; the gradient is that of the prototypes that were read."""
    gradients = []
    for moved in (0, 1):
        features, _, batch = inputs()
        torch.manual_seed(1)
        loss = (SCHEMES["of prototypes"]()(**batch) ** 2).sum()
        batch["prototypes"] += moved
        loss.backward()
        gradients.append(features.grad)
    assert torch.equal(*gradients)


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


def transform(name, width=C):
    torch.manual_seed(0)
    return build_transform(name, width)


def test_no_transform_leaves_the_condition_as_it_is():
    condition = torch.randn(B, 1, C)
    assert torch.equal(transform("none")(condition), condition)


def test_silu_is_the_papers_non_linearity():
    condition = torch.randn(B, 1, C)
    torch.testing.assert_close(transform("silu")(condition), condition / (1 + torch.exp(-condition)))


@pytest.mark.parametrize("tokens", [1, 3])
def test_batchnorm_is_over_all_tokens_of_the_batch(tokens):
    torch.manual_seed(0)
    condition = 5 + 3 * torch.randn(B, tokens, C)
    mean, variance = condition.mean((0, 1)), condition.var((0, 1), unbiased=False)
    torch.testing.assert_close(transform("batchnorm")(condition), (condition - mean) / (variance + 1e-5).sqrt())


def test_condition_net_is_the_releases():
    """BN, SiLU, Linear C -> C / 8, BN, SiLU, Linear C / 8 -> C; the linear layers without bias."""
    torch.manual_seed(0)
    net, condition = transform("condition_net", width=16), torch.randn(B, 1, 16)
    down, up = (module.weight for module in net if isinstance(module, torch.nn.Linear))
    assert down.shape == (2, 16) and up.shape == (16, 2)

    def norm(x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()

    x = torch.nn.functional.silu(norm(condition[:, 0])) @ down.T
    torch.testing.assert_close(net(condition)[:, 0], torch.nn.functional.silu(norm(x)) @ up.T)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_takes_every_transform(scheme, name):
    """What comes out is the transform of the bare condition, and every weight of it gets a gradient."""
    _, _, batch = inputs()
    conditioner = SCHEMES[scheme]()
    bare = conditioner(**batch)
    conditioner.transform = transform(name)
    condition = conditioner(**batch)
    torch.testing.assert_close(condition, transform(name)(bare))
    (condition * torch.randn(condition.shape)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in conditioner.parameters())


@pytest.mark.parametrize("scheme", ["CorrelationAwareConditioner", "ClassWiseConditioner", "InstanceWiseConditioner"])
@pytest.mark.parametrize(("name", "added"), [("none", 0), ("silu", 0), ("batchnorm", 1536), ("condition_net", 149_184)])
def test_the_config_chooses_scheme_and_transform(make_cfg, scheme, name, added):
    """768 wide: BatchNorm 2 x 768; ConditionNet 2 x 768 x 96 and its two BatchNorms."""
    opts = ["MODEL.DCAC.CONDITIONER.NAME", scheme, "MODEL.DCAC.CONDITIONER.TRANSFORM", name]
    conditioner = build_conditioner(make_cfg("ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", N, *opts), condition_dim=768)
    assert type(conditioner).__name__ == scheme
    assert sum(parameter.numel() for parameter in conditioner.transform.parameters()) == added


@pytest.mark.parametrize(("probs", "temperature"), [("classifier", 0.6), ("prototypes", 0.05), ("both", 0.05)])
def test_the_config_chooses_the_source_of_the_probabilities(make_cfg, probs, temperature):
    cfg = make_cfg("ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", N, "MODEL.DCAC.CONDITIONER.PROBS", probs)
    conditioner = build_conditioner(cfg, condition_dim=C)
    assert conditioner.source == probs
    assert temperature == (conditioner.temperature if probs == "classifier" else conditioner.prototype_temperature)


def test_unknown_names_and_temperatures_are_refused(make_cfg):
    with pytest.raises(InputError, match="CorrelationAwareConditioner, "):
        build_conditioner(make_cfg("ma_ms.yml", "MODEL.DCAC.CONDITIONER.NAME", "Nobody"), condition_dim=C)
    with pytest.raises(InputError, match="MODEL.DCAC.CONDITIONER.TAU is 0"):
        build_conditioner(make_cfg("ma_ms.yml", "MODEL.DCAC.CONDITIONER.TAU", 0.0), condition_dim=C)
    opts = ["MODEL.DCAC.CONDITIONER.PROBS", "both", "MODEL.LOSSES.PCL.TAU", 0.0]
    with pytest.raises(InputError, match="MODEL.LOSSES.PCL.TAU is 0"):
        build_conditioner(make_cfg("ma_ms.yml", *opts), condition_dim=C)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("Nobody", "none", "both"), "NAME is 'Nobody'; known conditioners are .*ClassWiseConditioner"),
        (("ClassWiseConditioner", "relu", "both"), "TRANSFORM is 'relu'; known transforms are none, silu, batchnorm, "),
        (
            ("ClassWiseConditioner", "silu", "either"),
            "PROBS is 'either'; known sources are classifier, prototypes, both",
        ),
    ],
)
def test_unknown_names_are_known_before_anything_is_built(names, sentence):
    with pytest.raises(InputError, match=sentence):
        check_conditioner(*names)


@pytest.mark.parametrize(("opts", "std"), [((), 0.36), (("normal",), 5.78)])
def test_condition_net_starts_as_the_key_says(opts, std):
    """FACTS: the standard deviation of the condition at the start."""
    torch.manual_seed(0)
    transform = build_transform("condition_net", 768, *opts).train()
    condition = transform(torch.randn(64, 1, 768))
    assert condition.std().item() == pytest.approx(std, rel=0.05)
    linear = [layer.weight for layer in transform if isinstance(layer, torch.nn.Linear)]
    if opts:
        assert all(abs(weight.std().item() - 1) < 0.02 and abs(weight.mean().item()) < 0.02 for weight in linear)


def test_the_config_says_how_condition_net_starts(make_cfg):
    opts = ("MODEL.HEADS.NUM_CLASSES", 8, "MODEL.DCAC.CONDITIONER.TRANSFORM", "condition_net")
    key = "MODEL.DCAC.CONDITIONER.CONDITION_NET_INIT"
    inits = {name: build_conditioner(make_cfg("ma_ms.yml", *opts, key, name), 64) for name in ("default", "normal")}
    stds = {name: conditioner.transform[2].weight.std() for name, conditioner in inits.items()}
    assert stds["default"] < 0.1 and stds["normal"] > 0.8
