"""A single file of Stable Diffusion in the original layout gives the same model as diffusers' folder."""

import json
import logging
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.errors import InputError

from .original_names import averaged_name, original

SMALL = {
    "block_out_channels": [8, 16, 24, 24],
    "norm_num_groups": 4,
    "attention_head_dim": 2,
    "cross_attention_dim": 12,
}


@pytest.fixture(scope="module")
def architecture(tmp_path_factory):
    """Stable Diffusion 1.5's configuration files, with narrow layers: the same names of weights."""
    folder = shutil.copytree(stable_diffusion.SD15_ARCHITECTURE, tmp_path_factory.mktemp("architecture") / "sd15")
    for part in ("unet", "vae"):
        file = folder / part / "config.json"
        config = json.loads(file.read_text())
        file.write_text(json.dumps({**config, **{key: SMALL[key] for key in SMALL if key in config}}))
    return folder


@pytest.fixture(scope="module")
def models(architecture):
    torch.manual_seed(0)
    return (
        stable_diffusion.empty_denoiser(architecture).eval(),
        stable_diffusion.empty_encoder(architecture),
    )


@pytest.fixture
def weights(models):
    """The file's content, as a mapping that a test may change."""
    denoiser, encoder = models
    content = {name: weight.clone().contiguous() for name, weight in original(denoiser.unet, encoder.vae).items()}
    content["cond_stage_model.transformer.text_model.final_layer_norm.weight"] = torch.ones(4)
    return content


def save(content, path, **beside):
    """As a `.safetensors`, or as a training saves a `.ckpt`."""
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save({"state_dict": content, "global_step": 3, **beside}, path)
    return path


def test_names_are_those_of_the_released_file():
    """686 weights of the U-Net and 248 of the VAE; some names and shapes as in v1-5-pruned.ckpt."""
    with torch.device("meta"):
        denoiser = stable_diffusion.empty_denoiser(stable_diffusion.SD15_ARCHITECTURE)
        encoder = stable_diffusion.empty_encoder(stable_diffusion.SD15_ARCHITECTURE)
    weights = {name: tuple(weight.shape) for name, weight in original(denoiser.unet, encoder.vae).items()}
    assert sum(name.startswith("model.diffusion_model.") for name in weights) == 686
    assert sum(name.startswith("first_stage_model.") for name in weights) == 248
    for name, shape in {
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
        "model.diffusion_model.input_blocks.3.0.op.weight": (320, 320, 3, 3),
        "model.diffusion_model.input_blocks.4.0.skip_connection.weight": (640, 320, 1, 1),
        "model.diffusion_model.middle_block.2.out_layers.3.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.2.1.conv.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.5.2.conv.weight": (1280, 1280, 3, 3),
        "model.diffusion_model.output_blocks.11.1.proj_out.weight": (320, 320, 1, 1),
        "model.diffusion_model.out.2.weight": (4, 320, 3, 3),
        "first_stage_model.encoder.down.1.block.0.nin_shortcut.weight": (256, 128, 1, 1),
        "first_stage_model.encoder.mid.attn_1.q.weight": (512, 512, 1, 1),
        "first_stage_model.decoder.up.3.upsample.conv.weight": (512, 512, 3, 3),
        "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
    }.items():
        assert weights[name] == shape


@pytest.mark.parametrize("name", ["sd.safetensors", "sd.ckpt"])
def test_a_single_file_is_the_model(models, weights, architecture, tmp_path, name):
    file = save(weights, tmp_path / name)
    denoiser = stable_diffusion.load_denoiser(file, architecture=architecture)
    encoder = stable_diffusion.load_encoder(str(file), architecture=architecture)
    file.unlink()  # nothing of it is needed any more
    for loaded, model in ((denoiser, models[0]), (encoder, models[1])):
        expected = model.state_dict()
        assert loaded.state_dict().keys() == expected.keys()
        assert all(torch.equal(weight, expected[key]) for key, weight in loaded.state_dict().items())
    latents, condition = torch.randn(2, 4, 8, 8), torch.randn(2, 3, 12)
    arguments = (latents, torch.tensor([1, 900]), condition)
    assert torch.equal(denoiser(*arguments), models[0](*arguments))
    images = 255 * torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(images), models[1](images))


def test_half_precision_becomes_fp32(weights, architecture, tmp_path):
    file = save({name: weight.half() for name, weight in weights.items()}, tmp_path / "sd.safetensors")
    denoiser = stable_diffusion.load_denoiser(file, architecture=architecture)
    assert {parameter.dtype for parameter in denoiser.parameters()} == {torch.float32}


def test_the_moving_average_is_taken_by_option(models, weights, architecture, tmp_path):
    names = [name for name in weights if name.startswith("model.diffusion_model.")]
    averages = {averaged_name(name): weights[name] + 1 for name in names}
    counters = {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7, dtype=torch.int32)}
    file = save(weights | averages | counters, tmp_path / "sd.ckpt")
    for ema, difference in ((False, 0.0), (True, 1.0)):
        loaded = stable_diffusion.load_denoiser(file, ema=ema, architecture=architecture).state_dict()
        assert all(torch.equal(loaded[key], weight + difference) for key, weight in models[0].state_dict().items())


@pytest.mark.parametrize("average", [False, True])
def test_a_file_of_one_set_of_weights_may_be_the_average(weights, architecture, tmp_path, average, caplog):
    """As v1-5-pruned-emaonly, whose ordinary weights are the average."""
    file = save(weights | ({"model_ema.decay": torch.tensor(0.9999)} if average else {}), tmp_path / "sd.safetensors")
    logging.getLogger("fastreid.dcac").addHandler(caplog.handler)
    stable_diffusion.load_denoiser(file, architecture=architecture)
    logging.getLogger("fastreid.dcac").removeHandler(caplog.handler)
    said = {record.getMessage() for record in caplog.records if record.levelname == "WARNING"}
    assert len(said) == (0 if average else 1) and all(
        "emaonly file the moving average" in sentence for sentence in said
    )


def test_a_file_without_the_moving_average_says_so(weights, architecture, tmp_path):
    file = save(weights, tmp_path / "sd.safetensors")
    with pytest.raises(InputError, match=r"EMA is True, but .*sd.safetensors lacks 686 of the 686 .*set it to False"):
        stable_diffusion.load_denoiser(file, ema=True, architecture=architecture)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda weights: weights.pop("model.diffusion_model.out.2.bias"), "missing keys .*: conv_out.bias;"),
        (
            lambda weights: [weights.pop(name) for name in list(weights) if ".input_blocks.4.1." in name],
            "and 21 more; take",  # of 26
        ),
        (
            lambda weights: weights.update({"model.diffusion_model.label_emb.0.0.weight": torch.ones(2)}),
            "unexpected keys: model.diffusion_model.label_emb.0.0.weight",
        ),
        (
            lambda weights: weights.update({"model.diffusion_model.out.2.bias": torch.ones(9)}),
            r"mismatched keys: conv_out.bias is \(9,\) where the model has \(4,\)",
        ),
        (
            lambda weights: [weights.pop(name) for name in list(weights) if name.startswith("model.")],
            r"holds no weights named model.diffusion_model.\*; expected Stable Diffusion 1.5",
        ),
    ],
    ids=["missing", "many missing", "left over", "another shape", "none"],
)
def test_weights_that_do_not_fit_are_listed(weights, architecture, tmp_path, change, message):
    change(weights)
    file = save(weights, tmp_path / "sd.safetensors")
    with pytest.raises(InputError, match=message):
        stable_diffusion.load_denoiser(file, architecture=architecture)


def test_the_encoder_is_as_strict(weights, architecture, tmp_path):
    del weights["first_stage_model.encoder.mid.attn_1.q.weight"]
    file = save(weights, tmp_path / "sd.safetensors")
    with pytest.raises(InputError, match="missing keys .*encoder.mid_block.attentions.0.to_q.weight"):
        stable_diffusion.load_encoder(file, architecture=architecture)


def test_another_model_than_1_5_is_named(weights, tmp_path):
    file = save(weights, tmp_path / "sd.safetensors")
    with pytest.raises(InputError, match="not of the architecture of Stable Diffusion 1.5: mismatched keys"):
        stable_diffusion.load_encoder(file)


@pytest.mark.parametrize("name", ["sd.safetensors", "sd.ckpt"])
def test_a_truncated_file_is_named(weights, architecture, tmp_path, name):
    file = save(weights, tmp_path / name)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"{name} cannot be read as weights \(.+\); is it complete"):
        stable_diffusion.load_denoiser(file, architecture=architecture)


def test_no_network_is_asked(weights, architecture, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    stable_diffusion.load_denoiser(save(weights, tmp_path / "sd.safetensors"), architecture=architecture)


def test_safetensors_and_ckpt_hold_the_same(weights, tmp_path):
    """The oracle of the two file forms: the same tensors come back."""
    from dcac_fastreid.diffusion.original_layout import read_part

    saved = load_file(save(weights, tmp_path / "sd.safetensors"))
    read = read_part(save(weights, tmp_path / "sd.ckpt"), "vae", ema=False)
    assert all(torch.equal(saved[name], weight) for name, weight in read.items()) and len(read) == 248
