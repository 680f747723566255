import pytest
import torch
import torch.nn.functional as F

import dcac_fastreid
from dcac_fastreid.analysis.run import Run
from dcac_fastreid.checkpoint import released
from dcac_fastreid.checkpoint.released_unet import blocks_of_a_level, our_name

from ..diffusion.original_names import unet_name

SIZE = (128, 64)
WIDTH = 128
NAMES = {  # of image tower and neck
    "dcac": ("encoder.image_encoder.", "encoder.bnneck."),
    "clip-reid": ("image_encoder.", "bottleneck_proj."),
}


@pytest.fixture
def convert(tmp_path):
    """The conversion of weights that were saved in a file first."""

    def convert(weights, image_size=SIZE, **options):
        torch.save(weights, tmp_path / "released.pth")
        return released.convert(tmp_path / "released.pth", image_size=image_size, **options)

    return convert


def features_of(images, weights, tower, neck):
    """What a released model computes of normalised images, transcribed: OpenAI's ViT, projected class token, BatchNorm."""
    get = lambda name: weights[tower + name]  # noqa: E731
    norm = lambda x, name: F.layer_norm(x, x.shape[-1:], get(f"{name}.weight"), get(f"{name}.bias"))  # noqa: E731
    linear = lambda x, name: x @ get(f"{name}weight").T + get(f"{name}bias")  # noqa: E731
    x = F.conv2d(images, get("conv1.weight"), stride=16).flatten(2).transpose(1, 2)
    x = torch.cat([get("class_embedding").expand(len(x), 1, -1), x], 1) + get("positional_embedding")
    x = norm(x, "ln_pre")
    for layer in (f"transformer.resblocks.{number}." for number in range(4)):
        projected = linear(norm(x, f"{layer}ln_1"), f"{layer}attn.in_proj_").chunk(3, -1)
        query, key, value = (part.unflatten(-1, (4, 32)).transpose(1, 2) for part in projected)
        weighted = torch.softmax(query @ key.transpose(2, 3) / 32**0.5, -1) @ value
        x = x + linear(weighted.transpose(1, 2).flatten(2), f"{layer}attn.out_proj.")
        hidden = linear(norm(x, f"{layer}ln_2"), f"{layer}mlp.c_fc.")
        x = x + linear(hidden * torch.sigmoid(1.702 * hidden), f"{layer}mlp.c_proj.")
    x = norm(x[:, 0], "ln_post") @ get("proj")
    mean, var = weights[f"{neck}running_mean"], weights[f"{neck}running_var"]
    return (x - mean) / (var + 1e-5).sqrt() * weights[f"{neck}weight"] + weights[f"{neck}bias"]


@pytest.mark.parametrize("format", NAMES)
def test_features_are_those_of_the_released_model(format, layouts, convert, make_cfg, tmp_path):
    weights = layouts[format](11)
    conversion = convert(weights)
    released.save(conversion, tmp_path / "converted.pth")
    model = dcac_fastreid.load_for_testing(make_cfg("ma_ms.yml", "MODEL.WEIGHTS", str(tmp_path / "converted.pth")))
    torch.manual_seed(0)
    images = 255 * torch.rand(3, 3, *SIZE)
    expected = features_of((images - 127.5) / 127.5, weights, *NAMES[format])
    torch.testing.assert_close(model({"images": images}), expected, rtol=1e-4, atol=1e-4)
    assert conversion.num_classes == 11


def test_the_classifier_and_the_prompts_are_taken(layouts, convert):
    weights = layouts["dcac"](11)
    model = convert(weights).model
    assert torch.equal(model["heads.weight"], weights["encoder.fc.weight"])
    assert torch.equal(model["conditioner.prompts"], weights["denoiser.model.prompt_emb.prompt_emb"])
    assert not [key for key in model if "denoiser" in key or "lora" in key]


def test_the_instance_wise_matrix_is_no_prompt(layouts, convert):
    """The authors' code keeps it under the prompts' name: a row for each of the feature's numbers."""
    weights = layouts["dcac"](11)
    weights["denoiser.model.prompt_emb.prompt_emb"] = torch.randn(WIDTH, 64)
    model = convert(weights).model
    assert "conditioner.prompts" not in model and len(model["conditioner.matrix"]) == WIDTH


def test_the_report_accounts_for_every_weight(layouts, convert):
    weights = layouts["dcac"](11)
    weights["encoder.new"] = torch.zeros(5)
    conversion = convert(weights)
    counts = {group.rule.what: (group.tensors, group.parameters) for group in conversion.groups}
    assert sum(tensors for tensors, _ in counts.values()) == len(weights)
    assert sum(parameters for _, parameters in counts.values()) == sum(w.numel() for w in weights.values())
    assert counts["BNNeck"] == (5, 4 * 128 + 1)
    assert counts["LoRA of the U-Net"] == (10, 4 * 2 * 8 * 32 + 8 * 32 + 64 * 8)
    assert counts["q, k, v biases"] == (3, 96)
    assert counts["others"] == (1, 5)
    report = conversion.report()
    for expected in (
        r"a checkpoint of DCAC's authors: 11 identities; a ViT of 4 layers, 128 wide, patches of 16, 32 positions",
        "-> backbone.tower.*",
        "random and frozen; Stable Diffusion has none",
        "unknown to this converter",
    ):
        assert expected in report


def test_clip_reids_own_feature_is_said_to_be_another(layouts, convert):
    weights = {**layouts["clip-reid"](11), "cv_embed": torch.zeros(6, WIDTH)}
    conversion = convert({f"module.{key}": weight for key, weight in weights.items()})
    assert conversion.format == "clip-reid"
    assert "not those that CLIP-ReID tests with" in conversion.report()
    assert "its own figures differ" in conversion.report()


def test_half_precision_is_widened(layouts, convert):
    weights = {key: w.half() if w.is_floating_point() else w for key, w in layouts["dcac"](11).items()}
    assert {weight.dtype for weight in convert(weights).model.values()} == {torch.float32, torch.int64}


def without(key):
    return lambda weights: weights.pop(key)


def replaced(**changes):
    return lambda weights: weights.update({key.replace("__", "."): value for key, value in changes.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("encoder.image_encoder.ln_pre.bias"), "backbone.tower.ln_pre.bias is missing"),
        (without("encoder.fc.weight"), "heads.weight is missing"),
        (without("encoder.bnneck.running_var"), "running_var is missing"),
        (replaced(encoder__image_encoder__extra=torch.zeros(1)), "backbone.tower.extra is left over"),
        (replaced(encoder__fc__weight=torch.zeros(11, 64)), "features are 128 wide, but"),
        (replaced(encoder__image_encoder__positional_embedding=torch.zeros(71, 128)), "70 positions, where 128 x 64 has 8 x 4"),
        (replaced(encoder__image_encoder__layer1__0__conv1__weight=torch.zeros(1)), "ResNet"),
        (lambda weights: (weights.clear(), weights.update(a=torch.zeros(1))), r"expected weights encoder.image_encoder.\* .*got a"),
        (lambda weights: (weights.clear(), weights.update({"backbone.x": torch.zeros(1)})), "name it in MODEL.WEIGHTS"),
    ],
)  # fmt: skip
def test_what_is_no_complete_checkpoint_is_refused(change, message, layouts, convert):
    weights = layouts["dcac"](11)
    change(weights)
    with pytest.raises(dcac_fastreid.errors.InputError, match=message):
        convert(weights)


def test_another_format_than_the_files_is_refused(layouts, convert):
    with pytest.raises(ValueError, match=r"no complete checkpoint \(clip-reid\)"):
        convert(layouts["dcac"](11), format="clip-reid")


def test_an_old_batch_norm_without_its_count_is_converted(layouts, convert):
    weights = layouts["dcac"](11)
    weights.pop("encoder.bnneck.num_batches_tracked")
    assert convert(weights).model["heads.bottleneck.0.num_batches_tracked"] == 0


TRAINING_SIDE = (
    "MODEL.DCAC.LORA.QKV_BIAS", True, "MODEL.DCAC.LORA.RANK", 4, "MODEL.DCAC.CONDITIONER.TRANSFORM", "condition_net",
)  # fmt: skip


@pytest.fixture
def trained(make_trainer):
    """A model as it trains with the authors' biases, whose adapters and prompts are not those of the beginning."""
    model = make_trainer("ma_ms.yml", *TRAINING_SIDE).model
    with torch.no_grad():
        parameters = [value for value in model.parameters() if value.requires_grad]
        biases = [value for name, value in model.named_buffers() if name.endswith("base_layer.bias")]
        for value in [*parameters, *biases]:
            value.add_(0.01 * torch.rand_like(value))
    return model


def as_released(model):
    """Its weights with the names of the authors' code, by the inverse of diffusers' own conversion."""
    unet = model.feedback.denoiser.unet
    layers = unet.config.layers_per_block
    weights = {}
    for name, value in [*unet.named_parameters(), *unet.named_buffers()]:  # state_dict() leaves the frozen ones out
        name = unet_name(name.replace(".base_layer.", ".").replace(".default.weight", ""), layers)
        weights[name.replace("model.diffusion_model.", "denoiser.model.")] = value
    renamed = {
        "backbone.tower.": "encoder.image_encoder.",
        "heads.bottleneck.0.": "encoder.bnneck.",
        "heads.weight": "encoder.fc.weight",
        "conditioner.prompts": "denoiser.model.prompt_emb.prompt_emb",
        "conditioner.transform.": "denoiser.model.prompt_emb.condition_bottleneck.",
    }
    for name, value in model.state_dict().items():
        for ours, theirs in renamed.items():
            if name.startswith(ours):
                weights[theirs + name.removeprefix(ours)] = value
    return weights


def test_the_training_side_is_taken_whole(trained, convert, tmp_path):
    """Every adapter, bias and number of prompts and transform comes back under the name that our own checkpoints give it."""
    conversion = convert(as_released(trained), training_side=True)
    expected = trained.state_dict()
    assert conversion.model.keys() == expected.keys()
    assert all(
        torch.equal(value, expected[key]) for key, value in conversion.model.items() if key != "memory.prototypes"
    )
    groups = {group.rule.what: group for group in conversion.groups}
    assert groups["q, k, v biases"].target == "feedback.denoiser.unet."
    biases = [key for key in expected if key.endswith(".base_layer.bias")]
    assert groups["q, k, v biases"].parameters == sum(expected[key].numel() for key in biases)
    assert groups["LoRA of the U-Net"].parameters == sum(v.numel() for k, v in expected.items() if ".lora_" in k)
    assert "-> conditioner.transform.*" in conversion.report()


def test_training_goes_on_from_it_and_its_u_net_predicts_the_same(trained, convert, make_trainer, tmp_path):
    released.save(convert(as_released(trained), training_side=True), tmp_path / "converted.pth")
    trainer = make_trainer("ma_ms.yml", *TRAINING_SIDE, "SEED", 9, "MODEL.WEIGHTS", str(tmp_path / "converted.pth"))
    inputs = torch.randn(2, 4, 8, 8), torch.tensor([10, 900]), torch.randn(2, 1, 64)
    with torch.no_grad():
        expected = trained.feedback.denoiser(*inputs)
        assert not torch.equal(trainer.model.feedback.denoiser(*inputs), expected)
        trainer.resume_or_load(resume=False)
        assert torch.equal(trainer.model.feedback.denoiser(*inputs), expected)
    assert torch.equal(trainer.model.conditioner.prompts, trained.conditioner.prompts)
    assert not trainer.model.memory.filled, "nobody has filled the prototypes yet"
    assert trainer.train().keys() >= {"mAP"}


def test_images_of_its_diffusion_side_can_be_made(trained, convert, make_cfg, tmp_path):
    released.save(convert(as_released(trained), training_side=True), tmp_path / "converted.pth")
    (tmp_path / "config.yaml").write_text(make_cfg("ma_ms.yml", *TRAINING_SIDE, "SEED", 9).dump())
    model = Run(tmp_path / "converted.pth").training_model
    unet = model.feedback.denoiser.unet.state_dict()
    assert all(torch.equal(value, unet[key]) for key, value in trained.feedback.denoiser.unet.state_dict().items())


def test_a_batch_norm_alone_has_no_number_in_ours(layouts, convert):
    weights = layouts["dcac"](11)
    del weights["denoiser.model.prompt_emb.condition_bottleneck.0.weight"]
    for name in ("weight", "bias", "running_mean", "running_var"):
        weights[f"denoiser.model.prompt_emb.condition_bottleneck.0.{name}"] = torch.rand(64)
    model = convert(weights, training_side=True).model
    assert {key for key in model if key.startswith("conditioner.transform")} == {
        f"conditioner.transform.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("input_blocks.1.1", "down_blocks.0.attentions.0"),
        ("input_blocks.2.1", "down_blocks.0.attentions.1"),
        ("input_blocks.8.1", "down_blocks.2.attentions.1"),
        ("middle_block.1", "mid_block.attentions.0"),
        ("output_blocks.3.1", "up_blocks.1.attentions.0"),
        ("output_blocks.11.1", "up_blocks.3.attentions.2"),
    ],
)
def test_blocks_of_stable_diffusion(name, expected):
    """1.5 has two layers in a level down, three in one up."""
    level = blocks_of_a_level([f"denoiser.model.input_blocks.{index}.0.op.weight" for index in (3, 6, 9)])
    ours = our_name(f"{name}.transformer_blocks.0.attn1.to_q.lora_A", level)
    assert ours == f"feedback.denoiser.unet.{expected}.transformer_blocks.0.attn1.to_q.lora_A.default.weight"


def test_what_has_no_training_side_is_refused(layouts, convert):
    weights = {key: value for key, value in layouts["dcac"](11).items() if "lora_" not in key}
    for released_weights in (weights, layouts["clip-reid"](11)):
        with pytest.raises(dcac_fastreid.errors.InputError, match="has no LoRA.*convert without --training-side"):
            convert(released_weights, training_side=True)
    weights["denoiser.model.out.2.lora_A"] = torch.zeros(8, 32)
    with pytest.raises(dcac_fastreid.errors.InputError, match="has out.2.lora_A, which has no place"):
        convert(weights, training_side=True)


def test_a_config_that_the_training_side_does_not_fit_is_named(layouts, convert, load_authors):
    conversion = convert(layouts["dcac"](11), training_side=True)
    released.check_training_side(conversion, load_authors("ma_ms"))
    with pytest.raises(dcac_fastreid.errors.InputError, match="needs MODEL.DCAC.LORA.RANK 8, which"):
        released.check_training_side(conversion, load_authors("ms_ma"))
    with pytest.raises(dcac_fastreid.errors.InputError, match="needs MODEL.DCAC.LORA.QKV_BIAS True, which"):
        released.check_training_side(conversion, load_authors("../ma_ms"))


@pytest.fixture
def load_authors(configs):
    return lambda name: dcac_fastreid.load_config(str(configs / "authors" / f"{name}.yml"))
