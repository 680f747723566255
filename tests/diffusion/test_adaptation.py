import pytest
import torch

from dcac_fastreid.diffusion import adapt, check_tuning, lora_parameters, stable_diffusion
from dcac_fastreid.errors import InputError

LORA = {"tuning": "lora", "rank": 4, "alpha": 1.0}
SIX = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2")


@pytest.fixture
def denoiser(sd_folder):
    return stable_diffusion.load_denoiser(sd_folder)


@pytest.fixture
def other(sd_folder):
    return stable_diffusion.load_denoiser(sd_folder)


def noise_prediction(denoiser):
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(2, 4, 8, 8, generator=generator)
    condition = torch.randn(2, 1, 64, generator=generator)
    return denoiser(noisy, torch.tensor([10, 900]), condition)


def trainable(denoiser):
    return {name for name, parameter in denoiser.named_parameters() if parameter.requires_grad}


def test_lora_changes_nothing_at_first_and_trains_its_adapters_alone(denoiser):
    before = noise_prediction(denoiser)
    adapt(denoiser, **LORA)
    assert torch.equal(noise_prediction(denoiser), before)
    assert trainable(denoiser) and all(".lora_A." in name or ".lora_B." in name for name in trainable(denoiser))
    assert {id(p) for p in lora_parameters(denoiser)} == {id(p) for p in denoiser.parameters() if p.requires_grad}


def test_lora_is_equation_9(denoiser):
    """h' = W h + s B A h with s = alpha / r."""
    adapt(denoiser, **LORA)
    layer = next(module for name, module in denoiser.named_modules() if name.endswith("attn1.to_q"))
    A, B = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.nn.init.normal_(B)
    h = torch.randn(5, A.shape[1])
    torch.testing.assert_close(layer(h), h @ layer.base_layer.weight.T + h @ A.T @ B.T / 4)


@pytest.mark.parametrize(
    ("tuning", "trained", "frozen"),
    [
        ("frozen", (), ("conv_in", "down_blocks", "mid_block", "up_blocks", "time_embedding", "conv_norm_out", "conv_out")),
        ("random", (), ("conv_in", "down_blocks", "mid_block", "up_blocks", "time_embedding", "conv_norm_out", "conv_out")),
        ("partial1", ("up_blocks", "time_embedding", "conv_norm_out", "conv_out"), ("conv_in", "down_blocks", "mid_block")),
        ("partial2", ("mid_block", "up_blocks", "time_embedding", "conv_norm_out", "conv_out"), ("conv_in", "down_blocks")),
        ("full", ("conv_in", "down_blocks", "mid_block", "up_blocks", "time_embedding", "conv_norm_out", "conv_out"), ()),
        ("scratch", ("conv_in", "down_blocks", "mid_block", "up_blocks", "time_embedding", "conv_norm_out", "conv_out"), ()),
    ],
)  # fmt: skip
def test_a_mode_trains_its_blocks(denoiser, tuning, trained, frozen):
    """Table 5, by the names of diffusers' U-Net."""
    adapt(denoiser, tuning=tuning, rank=8, alpha=1.0)
    assert {name.split(".")[1] for name in trainable(denoiser)} == set(trained)
    still = {name.split(".")[1] for name, p in denoiser.named_parameters() if not p.requires_grad}
    assert still == set(frozen)


def test_weights_are_the_files_but_for_scratch(denoiser, other):
    for tuning in ("frozen", "partial1", "partial2", "full"):
        adapt(denoiser, tuning=tuning, rank=8, alpha=1.0)
        assert all(torch.equal(p, q) for p, q in zip(denoiser.parameters(), other.parameters(), strict=True)), tuning


def test_scratch_draws_as_a_new_model_is_drawn(denoiser, other, sd_folder):
    """Weights and biases of every layer lie where those of diffusers' own constructor lie; none is the file's."""
    adapt(denoiser, tuning="scratch", rank=8, alpha=1.0)
    torch.manual_seed(1)
    new = stable_diffusion.empty_denoiser(sd_folder)
    for (name, p), of_file, expected in zip(
        denoiser.named_parameters(), other.parameters(), new.parameters(), strict=True
    ):
        if expected.unique().numel() == 1:  # norms: 1 and 0
            assert torch.equal(p, expected), name
        else:
            assert not torch.equal(p, of_file), name
            torch.testing.assert_close(p.abs().max(), expected.abs().max(), rtol=0.5, atol=0, msg=name)  # uniform
        if p.numel() > 2000:
            torch.testing.assert_close(p.std(), expected.std(), rtol=0.1, atol=0, msg=name)


def test_random_is_scratch_that_does_not_train(denoiser, other):
    adapt(denoiser, tuning="random", rank=8, alpha=1.0, seed=3)
    adapt(other, tuning="scratch", rank=8, alpha=1.0, seed=3)
    assert all(torch.equal(p, q) for p, q in zip(denoiser.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("tuning", ["scratch", "lora"])
def test_what_is_drawn_follows_from_the_seed_alone(denoiser, other, sd_folder, tuning):
    """torch's global stream, from which the rest of the model is drawn, stays as it was and says nothing."""
    third = stable_diffusion.load_denoiser(sd_folder)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    adapt(denoiser, tuning=tuning, rank=4, alpha=1.0, seed=7)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    adapt(other, tuning=tuning, rank=4, alpha=1.0, seed=7)
    adapt(third, tuning=tuning, rank=4, alpha=1.0, seed=8)
    assert all(torch.equal(p, q) for p, q in zip(denoiser.parameters(), other.parameters(), strict=True))
    assert not all(torch.equal(p, q) for p, q in zip(denoiser.parameters(), third.parameters(), strict=True))


@pytest.mark.parametrize("targets", [SIX, ("attn2.to_v",), ("time_embedding.linear_1",)], ids=" ".join)
def test_lora_adapts_the_layers_that_targets_name(denoiser, targets):
    linear = [name for name, module in denoiser.named_modules() if isinstance(module, torch.nn.Linear)]
    adapt(denoiser, **LORA, targets=targets)
    adapted = {name for name, module in denoiser.named_modules() if hasattr(module, "lora_A")}
    assert adapted == {name for name in linear if name.endswith(tuple("." + target for target in targets))} != set()


def test_a_target_without_a_layer_is_refused_with_the_counts(denoiser):
    sentence = (
        r"LoRA target 'to_x' matches 0 of the denoiser's \d+ linear layers, expected at least 1; known targets and their "
        r"layers are to_q \(8\), .*ff.net.2 \(4\); set MODEL.DCAC.LORA.TARGETS"
    )
    with pytest.raises(InputError, match=sentence):
        adapt(denoiser, **LORA, targets=("to_q", "to_x"))
    with pytest.raises(InputError, match="'conv_in' matches 0 "):  # a convolution
        adapt(denoiser, **LORA, targets=("conv_in",))


def test_a_target_that_misses_some_of_its_layers_is_refused_with_the_counts(denoiser):
    """As where attention's layers were fused, or replaced by something that is no nn.Linear."""
    attention = next(module for name, module in denoiser.named_modules() if name.endswith("attn1"))
    attention.to_k = torch.nn.Identity()
    with pytest.raises(InputError, match=r"'to_k' matches 7 of the denoiser's \d+ linear layers, expected 8;"):
        adapt(denoiser, **LORA)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (("lorra", 8), "TUNING is 'lorra'; known modes are frozen, lora, partial1, partial2, full, scratch, random"),
        (("lora", 0), "RANK is 0; it must be 1 or more"),
        (("lora", 8, ("to_q", "")), "TARGETS is .*; expected names of linear layers"),
        (("lora", 8, (1,)), "TARGETS is .*; expected names of linear layers"),
    ],
)
def test_settings_that_cannot_work_are_known_before_anything_is_read(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        check_tuning(*settings)


def biases(denoiser):
    return {name: value for name, value in denoiser.named_buffers() if name.endswith(".bias")}


def test_biases_of_queries_keys_and_values_are_random_frozen_and_kept(denoiser, other):
    """FACTS: random, frozen, and in no file of Stable Diffusion; in one of ours they are."""
    before = noise_prediction(denoiser)
    adapt(denoiser, **LORA, qkv_bias=True)
    adapt(other, **LORA)
    layers = [name for name, module in denoiser.named_modules() if name.endswith((".to_q", ".to_k", ".to_v"))]
    assert sorted(biases(denoiser)) == sorted(f"{name}.base_layer.bias" for name in layers) and layers
    for name, bias in biases(denoiser).items():
        bound = denoiser.get_submodule(name.removesuffix(".bias")).in_features ** -0.5
        assert 0.8 * bound < bias.abs().max() <= bound and bias.unique().numel() == bias.numel()
    assert trainable(denoiser) == trainable(other), "what trains is the same"
    assert all(
        torch.equal(one, two) for one, two in zip(lora_parameters(denoiser), lora_parameters(other), strict=True)
    )
    assert not torch.equal(noise_prediction(denoiser), before) and torch.equal(noise_prediction(other), before)


def test_biases_change_the_prediction_by_one_token_as_by_the_whole_attention(denoiser):
    """The short way of cross-attention (one_token.py) has the bias of the values; those of queries and keys change nothing."""
    adapt(denoiser, **LORA, qkv_bias=True)
    short = noise_prediction(denoiser)
    for module in denoiser.modules():
        if hasattr(getattr(module, "processor", None), "ordinary"):
            module.set_processor(module.processor.ordinary)
    torch.testing.assert_close(noise_prediction(denoiser), short, rtol=1e-4, atol=1e-5)


def test_biases_follow_from_the_seed(denoiser, other):
    for model, seed in ((denoiser, 0), (other, 1)):
        adapt(model, **LORA, qkv_bias=True, seed=seed)
    one, two = (torch.cat([*biases(model).values()]) for model in (denoiser, other))
    assert not torch.equal(one, two)


def test_only_adapted_layers_have_biases(denoiser):
    adapt(denoiser, **LORA, targets=("to_v", "to_out.0"), qkv_bias=True)
    assert biases(denoiser) and all(".to_v." in name for name in biases(denoiser))


def test_biases_of_stable_diffusion_are_74880_numbers():
    with torch.device("meta"):
        denoiser = stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE)
        adapt(denoiser, tuning="lora", rank=8, alpha=1.0, qkv_bias=True)
    assert sum(value.numel() for value in biases(denoiser).values()) == 74_880
    assert sum(p.numel() for p in denoiser.parameters() if p.requires_grad) == 2_492_928  # Table 6
