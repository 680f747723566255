"""Which weights of the denoiser train (Table 5), and LoRA (Eq. 9): the only import of peft."""

from collections.abc import Sequence

from torch import nn

from dcac_fastreid.diffusion.denoiser import Denoiser
from dcac_fastreid.errors import InputError

TUNING_MODES = ("frozen", "lora")


def check_tuning(tuning: str, rank: int) -> None:
    """Raises InputError: an unknown mode, or a rank below 1."""
    if tuning not in TUNING_MODES:
        raise InputError(f"MODEL.DCAC.DIFFUSION.TUNING is {tuning!r}; known modes are {', '.join(TUNING_MODES)}")
    if rank < 1:
        raise InputError(f"MODEL.DCAC.LORA.RANK is {rank}; it must be 1 or more")


def adapt(denoiser: Denoiser, *, tuning: str, rank: int, alpha: float) -> None:
    """Sets which of the denoiser's weights train, in place; afterwards `requires_grad` says it.

    Args:
        tuning: "frozen", nothing trains; "lora", adapters beside the frozen linear layers of denoiser.lora_targets.
        rank: r of Eq. 9. alpha: s = alpha / rank.
    Raises:
        InputError: as `check_tuning`, or an adapter pattern that matches no layer.
    """
    check_tuning(tuning, rank)
    denoiser.requires_grad_(False)  # peft freezes nothing
    if tuning == "lora":
        _inject_lora(denoiser, denoiser.lora_targets, rank=rank, alpha=alpha)


def _inject_lora(denoiser: nn.Module, targets: Sequence[str], *, rank: int, alpha: float) -> None:
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ImportError(
            f"LoRA needs peft, which cannot be imported ({error}); install it with: pip install peft"
        ) from error
    names = [name for name, module in denoiser.named_modules() if isinstance(module, nn.Linear)]
    for target in targets:
        if not any(name.endswith("." + target) for name in names):
            raise InputError(f"the LoRA target {target!r} matches none of the denoiser's {len(names)} linear layers")
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets)), denoiser)
