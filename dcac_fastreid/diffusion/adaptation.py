"""Which weights of the denoiser train (Table 5), and LoRA (Eq. 9), for which peft is imported."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from dcac_fastreid.diffusion.adapters import Adapters
from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.errors import InputError

# Mode -> parts of the denoiser that train. The split of the partial modes is inferred from Table 6's counts.
TRAINED_PARTS = {
    "frozen": (),
    "lora": (),  # adapters beside the frozen layers
    "partial1": ("output", "head"),
    "partial2": ("middle", "output", "head"),
    "full": ("input", "middle", "output", "head"),
    "scratch": ("input", "middle", "output", "head"),  # as full, from random weights
    "random": (),  # as frozen, from random weights; not in the paper: is it the pre-training that helps?
}
DRAWN_ANEW = ("scratch", "random")
# Added to the seed of what is drawn here, see `adapt`.
OWN_STREAM = 1_000_003


def check_tuning(tuning: str, rank: int, targets: Sequence[str] = ()) -> None:
    """Raises InputError: an unknown mode, a rank below 1, or LoRA targets that are no names."""
    if tuning not in TRAINED_PARTS:
        raise InputError(f"MODEL.DCAC.DIFFUSION.TUNING is {tuning!r}; known modes are {', '.join(TRAINED_PARTS)}")
    if rank < 1:
        raise InputError(f"MODEL.DCAC.LORA.RANK is {rank}; it must be 1 or more")
    if not all(isinstance(target, str) and target for target in targets):
        raise InputError(
            f"MODEL.DCAC.LORA.TARGETS is {targets!r}; expected names of linear layers, as ('to_q', 'ff.net.2')"
        )


def adapt(
    denoiser: Denoiser,
    *,
    tuning: str,
    rank: int,
    alpha: float,
    targets: Sequence[str] = (),
    qkv_bias: bool = False,
    seed: int = 0,
) -> None:
    """Sets which of the denoiser's weights train, in place; afterwards `requires_grad` says it.

    Args:
        tuning: a key of TRAINED_PARTS.
        rank: r of Eq. 9. alpha: s = alpha / rank.
        targets: names' ends of the linear layers that take an adapter; empty: denoiser.lora_targets.
        qkv_bias: whether adapted query, key and value layers that have no bias get one, random and frozen (authors' code).
        seed: of what is drawn here, the adapters' A, such biases, or a random U-Net. torch's own stream stays as it was, so that
            the rest of the model starts from the same weights in every mode.
    Raises:
        InputError: as `check_tuning`; a part that the denoiser does not have; a target that does not match its layers.
    """
    check_tuning(tuning, rank, targets)
    denoiser.requires_grad_(False)  # peft freezes nothing
    parts = denoiser.parts()
    for name in TRAINED_PARTS[tuning]:
        if not parts[name] and tuning.startswith("partial"):
            raise InputError(
                f"MODEL.DCAC.DIFFUSION.TUNING is {tuning!r}, but this denoiser has no {name} part; choose another"
            )
        for module in parts[name]:
            module.requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed, which would set the GPUs' streams too; and not the bare seed, from which others draw: a random
        # U-Net made of the same seed would come out again.
        torch.default_generator.manual_seed(seed + OWN_STREAM)
        if tuning in DRAWN_ANEW:
            _draw_anew(denoiser, tuning)
        elif tuning == "lora":
            _inject_lora(denoiser, targets or denoiser.lora_targets, rank=rank, alpha=alpha)
            if qkv_bias:
                _add_biases(denoiser)


def lora_parameters(denoiser: nn.Module) -> Iterator[nn.Parameter]:
    """The weights A and B of the adapters that `adapt` has put beside the denoiser's layers."""
    return (parameter for name, parameter in denoiser.named_parameters() if ".lora_" in name)


def store_frozen_in(denoiser: nn.Module, dtype: torch.dtype) -> None:
    """Keeps frozen linear layers and convolutions in the type to which autocast would cast them at every step, in place.

    So under autocast with this type the numbers stay the same, to the bit; half the memory of these weights is free.
    Normalisations stay as they are: autocast computes them in fp32.

    Of bfloat16, where nothing but adapters trains and the denoiser can: all frozen weights, and from now on the denoiser
    computes in bfloat16 without autocast (`computes_in`), whose casts around every normalisation are an eighth of a step's
    operations on a GPU. The numbers are others by the rounding of bfloat16; sums are in fp32 in any case.
    """
    only_adapters_train = all(".lora_" in name for name, p in denoiser.named_parameters() if p.requires_grad)
    whole = dtype == torch.bfloat16 and denoiser.can_compute_in_one_type and only_adapters_train
    was_whole, denoiser.computes_in = denoiser.computes_in, dtype if whole else None
    for module in denoiser.modules():
        frozen = not any(p.requires_grad for p in module.parameters())
        if frozen and isinstance(module, (nn.Linear, nn.Conv2d)):
            module.to(dtype)
        elif frozen and (whole or was_whole) and not [*module.children()]:
            for parameter in module.parameters():  # buffers may be the noise schedule
                parameter.data = parameter.data.to(dtype)


@torch.no_grad()
def _draw_anew(denoiser: nn.Module, tuning: str) -> None:
    """Gives every layer the random weights with which its class begins."""
    for name, module in denoiser.named_modules():
        if next(module.parameters(recurse=False), None) is None:
            continue
        if not hasattr(module, "reset_parameters"):
            raise InputError(
                f"MODEL.DCAC.DIFFUSION.TUNING is {tuning!r}, but the denoiser's {name} ({type(module).__name__}) has no "
                "reset_parameters(), which draws weights again; choose 'full'"
            )
        module.reset_parameters()


def _inject_lora(denoiser: Denoiser, targets: Sequence[str], *, rank: int, alpha: float) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.lora import Linear

        from dcac_fastreid.diffusion.adapted_layer import AdaptedLinear
    except ImportError as error:
        raise ImportError(
            f"LoRA needs peft, which cannot be imported ({error}); install it with: pip install peft"
        ) from error
    layers = _matched_layers(denoiser, targets)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers), denoiser)
    adapted = [module for module in denoiser.modules() if isinstance(module, Linear)]
    for layer in adapted:
        layer.__class__ = AdaptedLinear
    Adapters(denoiser, adapted)


def _add_biases(denoiser: Denoiser) -> None:
    """Gives the adapted query, key and value layers without bias the one with which PyTorch begins a linear layer.

    As a buffer: it trains in no mode, and unlike the frozen weights, which are in the pre-trained model's own files, a
    checkpoint holds it.
    """
    for name, module in denoiser.named_modules():
        if not name.endswith(tuple(f".{layer}.base_layer" for layer in denoiser.qkv_layers)) or module.bias is not None:
            continue
        bound = module.in_features**-0.5
        del module.bias  # of None
        module.register_buffer("bias", module.weight.new_empty(module.out_features).uniform_(-bound, bound))


def _matched_layers(denoiser: Denoiser, targets: Sequence[str]) -> list[str]:
    """Full names of the linear layers that the targets name. Raises InputError where one matches none, or too few or many."""
    names = [name for name, module in denoiser.named_modules() if isinstance(module, nn.Linear)]
    expected = denoiser.lora_layers()
    matched = []
    for target in targets:
        found = [name for name in names if name.endswith("." + target)]
        if not found or len(found) != expected.get(target, len(found)):
            known = ", ".join(f"{name} ({count})" for name, count in expected.items())
            raise InputError(
                f"the LoRA target {target!r} matches {len(found)} of the denoiser's {len(names)} linear layers, expected "
                f"{expected.get(target, 'at least 1')}; known targets and their layers are {known}; set MODEL.DCAC.LORA.TARGETS"
            )
        matched += found
    return sorted(set(matched))
