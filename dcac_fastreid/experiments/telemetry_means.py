"""What does the telemetry of a row's runs say on average?"""

from collections.abc import Iterable, Mapping

PREFIX = "telemetry/"
# In the order of the table. The norms of the two gradients are left out, gradient_ratio is one by the other.
NAMES = (
    "noise_loss_0_250", "noise_loss_250_500", "noise_loss_500_750", "noise_loss_750_1000",
    "condition_entropy", "condition_top1", "gradient_ratio", "gradient_cosine",
    "classifier_share", "encoder_displacement", "prompts_displacement", "lora_displacement",
    "condition_value", "condition_value_identity", "condition_value_none",
)  # fmt: skip


def telemetry_means(runs: Iterable[Mapping]) -> dict[str, float]:
    """Mean of each of NAMES over those of the results that have it; a name that none has is left out."""
    numbers = [run["telemetry"] for run in runs]
    values = {name: [of_run[PREFIX + name] for of_run in numbers if PREFIX + name in of_run] for name in NAMES}
    return {name: sum(found) / len(found) for name, found in values.items() if found}
