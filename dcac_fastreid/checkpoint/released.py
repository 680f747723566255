"""Checkpoints that others released, DCAC's authors' and CLIP-ReID's, as checkpoints of fast-reid."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dcac_fastreid.checkpoint.architecture import ENCODER_CONFIG
from dcac_fastreid.checkpoint.released_formats import FORMATS, NECK, TOWER, UNKNOWN, Rule
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import write_whole
from dcac_fastreid.tensor_files import read_state_dict


class Group(NamedTuple):
    """Weights that one rule is about."""

    rule: Rule
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
                if (group.rule.target is not None) == taken:
                    end = (
                        f"-> {group.rule.target}{'*' if group.rule.target[-1] == '.' else ''}"
                        if taken
                        else group.rule.why
                    )
                    lines.append(
                        f"  {group.rule.what:<36}{group.tensors:>5} tensors {group.parameters:>13,} numbers "
                        f"{group.size / 1e6:>8.1f} MB  {end}"
                    )
        return "\n".join([*lines, *filter(None, [FORMATS[self.format].note])])


def convert(path: str | Path, *, image_size: tuple[int, int], format: str = "auto") -> Conversion:
    """Reads a released checkpoint.

    Args:
        image_size: (H, W) at which it was trained; the release and CLIP-ReID: 256 x 128.
        format: a key of FORMATS, or "auto" to know it by its names.
    Raises:
        InputError: no such checkpoint, a weight of the encoder is missing or left over, or shapes that do not agree.
    """
    weights = read_state_dict(path)
    format = _format(weights, path) if format == "auto" else format
    sorted_out = [(key, *_apply(FORMATS[format].rules, key)) for key in weights]
    model = {name: _plain(weights[key]) for key, rule, name in sorted_out if name}
    model.setdefault(f"{NECK}num_batches_tracked", torch.tensor(0))
    _check(model, image_size, path, format)
    _place_prompts(model)
    groups = _groups(((rule, weights[key]) for key, rule, _ in sorted_out), FORMATS[format].rules)
    return Conversion(format, model, len(model["heads.weight"]), groups)


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


def _apply(rules: Iterable[Rule], key: str) -> tuple[Rule, str | None]:
    """The rule for a weight, and its name in fast-reid's checkpoint."""
    for rule in rules:
        if re.match(rule.pattern, key):
            return rule, None if rule.target is None else re.sub(rule.pattern, rule.target, key, count=1)
    return UNKNOWN, None


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
    """The release keeps the matrix of its instance-wise variant (Table 7) under the prompts' name: one row per feature."""
    prompts = model.get("conditioner.prompts")
    if prompts is not None and len(prompts) != len(model["heads.weight"]):
        model["conditioner.matrix"] = model.pop("conditioner.prompts")


def _groups(ruled: Iterable[tuple[Rule, Tensor]], order: Iterable[Rule]) -> list[Group]:
    tensors, parameters, size = Counter(), Counter(), Counter()
    for rule, weight in ruled:
        tensors[rule] += 1
        parameters[rule] += weight.numel()
        size[rule] += weight.nbytes
    return [Group(rule, tensors[rule], parameters[rule], size[rule]) for rule in (*order, UNKNOWN) if tensors[rule]]
