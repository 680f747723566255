"""Checkpoints that others released, DCAC's authors' and CLIP-ReID's, as checkpoints of fast-reid."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dcac_fastreid.arguments import as_choice, as_count, shown_value
from dcac_fastreid.checkpoint.architecture import ENCODER_CONFIG
from dcac_fastreid.checkpoint.export import encoder_weights
from dcac_fastreid.checkpoint.released_formats import FORMATS, NECK, TOWER, UNET, UNKNOWN, Rule
from dcac_fastreid.checkpoint.released_unet import ENDS, blocks_of_a_level, our_name
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown
from dcac_fastreid.output_files import write_whole
from dcac_fastreid.reid import build_reid_model
from dcac_fastreid.tensor_files import check_weights, read_state_dict

LARGEST_SIDE = 8192  # as of INPUT.SIZE_TEST


class Group(NamedTuple):
    """Weights that one rule is about."""

    rule: Rule
    target: str | None  # where they went; None: dropped
    tensors: int
    parameters: int
    size: int  # bytes in the file


@dataclass(frozen=True)
class Conversion:
    """A released checkpoint as fast-reid's: `model` is its state dict; `groups`, by rule, what was taken and dropped."""

    format: str
    model: Mapping[str, Tensor]
    num_classes: int
    groups: list[Group] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the weights that were taken."""
        return sum(weight.nbytes for weight in self.model.values())

    def report(self) -> str:
        """What was taken, what was dropped and why, with counts and sizes."""
        embedding, projection = self.model[f"{TOWER}positional_embedding"], self.model[f"{TOWER}proj"]
        patch = self.model[f"{TOWER}conv1.weight"].shape[-1]
        lines = [
            f"{FORMATS[self.format].name}: {self.num_classes} identities; a ViT of {_layers(self.model, TOWER)} layers, "
            f"{projection.shape[0]} wide, patches of {patch}, {len(embedding) - 1} positions, features {projection.shape[1]} wide"
        ]
        for title, taken in (("taken", True), ("dropped", False)):
            lines.append(title)
            for group in self.groups:
                if (group.target is not None) == taken:
                    end = f"-> {group.target}{'*' if group.target[-1] == '.' else ''}" if taken else group.rule.why
                    lines.append(
                        f"  {group.rule.what:<36}{group.tensors:>5} tensors {group.parameters:>13,} numbers "
                        f"{group.size / 1e6:>8.1f} MB  {end}"
                    )
        return "\n".join([*lines, *filter(None, [FORMATS[self.format].note])])


def convert(
    path: str | Path, *, image_size: tuple[int, int], format: str = "auto", training_side: bool = False
) -> Conversion:
    """Reads a released checkpoint.

    Args:
        image_size: (H, W) at which it was trained; the authors' code and CLIP-ReID: 256 x 128.
        format: a key of FORMATS, or "auto" to know it by its names.
        training_side: whether to take what the U-Net was trained with too: adapters, q, k, v biases, the condition's
            transform. Such a checkpoint fits a model with MODEL.DCAC.LORA.QKV_BIAS True.
    Raises:
        InputError: no such checkpoint, one without adapters whose training side is asked for, a weight of the encoder is
            missing or left over, or shapes that do not agree.
    """
    as_choice(format, "the format", ("auto", *FORMATS))
    if not isinstance(image_size, list | tuple) or len(image_size) != 2:
        raise InputError(f"the image size is {shown_value(image_size)}; expected a height and a width")
    for side in image_size:
        as_count(side, "a side of the image size", LARGEST_SIDE)
    weights = read_state_dict(path)
    format = _format(weights, path) if format == "auto" else format
    sorted_out = [(key, *_apply(FORMATS[format].rules, key, training_side)) for key in weights]
    model = {name: weights[key] for key, rule, name in sorted_out if name}
    model.setdefault(f"{NECK}num_batches_tracked", torch.tensor(0))
    _check(model, image_size, path, format)
    kinds = {True: torch.tensor(0), False: torch.tensor(0.0)}
    check_weights(model, {name: kinds[name.endswith("num_batches_tracked")] for name in model}, path)
    model = {name: _plain(weight) for name, weight in model.items()}
    _place_prompts(model)
    if training_side:
        model = _with_our_names(model, blocks_of_a_level(weights), path)
    groups = _groups(((rule, weights[key]) for key, rule, _ in sorted_out), FORMATS[format].rules, training_side)
    return Conversion(format, model, len(model["heads.weight"]), groups)


def check_training_side(conversion: Conversion, cfg) -> None:
    """Raises InputError where a training side that was taken does not fit the model of a config."""
    ranks = {len(weight) for key, weight in conversion.model.items() if key.endswith(".lora_A.default.weight")}
    lora = cfg.MODEL.DCAC.LORA
    wrong = [f"MODEL.DCAC.LORA.RANK {rank}" for rank in sorted(ranks - {lora.RANK})]
    if not lora.QKV_BIAS and any(key.endswith(ENDS["bias"]) for key in conversion.model):
        wrong.append("MODEL.DCAC.LORA.QKV_BIAS True")
    if wrong:
        raise InputError(
            f"the released U-Net needs {' and '.join(wrong)}, which the config does not say; take one of "
            "DCAC/authors, such as DCAC/authors/ma_ms.yml"
        )


def check_encoder(conversion: Conversion, cfg) -> None:
    """Raises InputError where the encoder does not fit the model of a config."""
    cfg = cfg.clone()
    cfg.defrost()
    cfg.MODEL.BACKBONE.PRETRAIN = False
    expected, found = encoder_weights(build_reid_model(cfg).state_dict()), encoder_weights(conversion.model)
    wrong = sorted(expected.keys() ^ found.keys())
    wrong += [
        f"{name} is {_shape(found[name])}, expected {_shape(weight)}"
        for name, weight in expected.items()
        if name in found and found[name].shape != weight.shape
    ]
    if wrong:
        raise InputError(
            f"the released encoder does not fit the config, they differ in {shown(wrong)}; take the config of its training, such "
            "as DCAC/ma_ms.yml, with the same size of the images"
        )


def _shape(weight: Tensor) -> str:
    return " x ".join(map(str, weight.shape)) or "a number"


def save(conversion: Conversion, path: str | Path, encoder_config: str = "") -> None:
    """Writes fast-reid's checkpoint file, whole or not at all. Raises InputError where it cannot be written.

    Args: encoder_config: a config that rebuilds the encoder, which the file shall carry; "" for none.
    """
    content = {"model": dict(conversion.model)} | ({ENCODER_CONFIG: encoder_config} if encoder_config else {})
    write_whole(path, lambda stream: torch.save(content, stream))


def _format(weights: Mapping[str, Tensor], path) -> str:
    for name, released in FORMATS.items():
        if any(key.startswith(released.mark) for key in weights):
            return name
    if any(key.startswith("backbone.") for key in weights):
        raise InputError(f"{path} is a checkpoint of fast-reid as it is: name it in MODEL.WEIGHTS")
    expected = " or ".join(f"{released.mark}* ({name})" for name, released in FORMATS.items())
    raise InputError(
        f"{path} is no released checkpoint: expected weights {expected}, got {', '.join(list(weights)[:3])}"
    )


def _apply(rules: Iterable[Rule], key: str, training_side: bool) -> tuple[Rule, str | None]:
    """The rule for a weight, and its name in fast-reid's checkpoint."""
    for rule in rules:
        if re.match(rule.pattern, key):
            target = _target(rule, training_side)
            return rule, None if target is None else re.sub(rule.pattern, target, key, count=1)
    return UNKNOWN, None


def _target(rule: Rule, training_side: bool) -> str | None:
    return rule.training_target if training_side and rule.training_target else rule.target


def _plain(weight: Tensor) -> Tensor:
    """Of its own storage: saved, a part of a larger one would bring the whole."""
    return (weight.float() if weight.is_floating_point() else weight).clone()


def _check(model: Mapping[str, Tensor], image_size: tuple[int, int], path, format: str) -> None:
    """Raises InputError where the encoder is not complete and of one piece."""
    if any(key.startswith(f"{TOWER}layer1.") for key in model):
        raise InputError(f"{path} has a ResNet as its image tower; only a ViT can be converted")
    expected = _expected_names(_layers(model, TOWER))
    encoder = {key for key in model if key.startswith((TOWER, NECK, "heads."))}
    wrong = [f"{key} is missing" for key in expected - encoder] + [f"{key} is left over" for key in encoder - expected]
    if wrong:
        raise InputError(f"{path} is no complete checkpoint ({format}): {'; '.join(sorted(wrong))}")
    features = model[f"{TOWER}proj"].shape[1]
    widths = {key: model[key].shape[-1] for key in (f"{NECK}weight", f"{NECK}running_mean", "heads.weight")}
    if set(widths.values()) != {features}:
        raise InputError(f"{path} does not agree with itself: features are {features} wide, but {widths}")
    patch = model[f"{TOWER}conv1.weight"].shape[-1]
    positions, grid = len(model[f"{TOWER}positional_embedding"]) - 1, [side // patch for side in image_size]
    if positions != grid[0] * grid[1]:
        raise InputError(
            f"{path} has {positions} positions, where {image_size[0]} x {image_size[1]} has {grid[0]} x {grid[1]} patches of "
            f"{patch}: give its size by --image-size H W; overlapping patches (OLP, stride 12) cannot be run here"
        )


def _expected_names(layers: int) -> set[str]:
    """Of everything that testing needs, and the classifier."""
    pairs = [f"{TOWER}ln_pre", f"{TOWER}ln_post"]
    names = [f"{TOWER}{name}" for name in ("class_embedding", "positional_embedding", "conv1.weight", "proj")]
    for layer in (f"{TOWER}transformer.resblocks.{number}." for number in range(layers)):
        pairs += [layer + name for name in ("ln_1", "ln_2", "attn.out_proj", "mlp.c_fc", "mlp.c_proj")]
        names += [layer + "attn.in_proj_weight", layer + "attn.in_proj_bias"]
    names += [f"{pair}.{kind}" for pair in pairs for kind in ("weight", "bias")]
    names += [NECK + name for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    return {*names, "heads.weight"}


def _layers(model: Mapping[str, Tensor], prefix: str) -> int:
    blocks = (re.match(rf"{re.escape(prefix)}transformer\.resblocks\.(\d+)\.", key) for key in model)
    return max((int(block[1]) + 1 for block in blocks if block), default=0)


def _place_prompts(model: dict[str, Tensor]) -> None:
    """The authors' code keeps the matrix of its instance-wise variant (Table 7) under the prompts' name: one row per feature."""
    prompts = model.get("conditioner.prompts")
    if prompts is not None and len(prompts) != len(model["heads.weight"]):
        model["conditioner.matrix"] = model.pop("conditioner.prompts")


def _with_our_names(model: Mapping[str, Tensor], level: float, path) -> dict[str, Tensor]:
    """The training side under the names that DCAC's own checkpoints have, and prototypes that nobody has filled yet."""
    if not any(key.startswith(UNET) and key.endswith("lora_A") for key in model):
        raise InputError(
            f"{path} has no LoRA, so nothing of its U-Net can be taken; convert without --training-side, which keeps the "
            "encoder, the classifier and the ID prompts"
        )
    named = {
        our_name(key.removeprefix(UNET), level) if key.startswith(UNET) else key: weight
        for key, weight in model.items()
    }
    transform = "conditioner.transform."
    if any(key.startswith(transform) for key in model) and f"{transform}5.weight" not in model:
        # Of ConditionNet's six layers nothing: a BatchNorm alone, which has no number in ours.
        named = {key.replace(f"{transform}0.", transform): weight for key, weight in named.items()}
    classifier = model["heads.weight"]
    return {**named, "memory.prototypes": torch.zeros_like(classifier)}


def _groups(ruled: Iterable[tuple[Rule, Tensor]], order: Iterable[Rule], training_side: bool) -> list[Group]:
    tensors, parameters, size = Counter(), Counter(), Counter()
    for rule, weight in ruled:
        tensors[rule] += 1
        parameters[rule] += weight.numel()
        size[rule] += weight.nbytes
    return [
        Group(rule, _target(rule, training_side), tensors[rule], parameters[rule], size[rule])
        for rule in (*order, UNKNOWN)
        if tensors[rule]
    ]
