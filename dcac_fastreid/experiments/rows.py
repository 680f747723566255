"""Which rows can a table have, and which settings make each of them?"""

from dataclasses import dataclass, field
from typing import Any

from dcac_fastreid.data.locations import SYNTHETIC
from dcac_fastreid.errors import InputError

_TUNING = "MODEL.DCAC.DIFFUSION.TUNING"
_CONDITIONER = "MODEL.DCAC.CONDITIONER."
_RANK = "MODEL.DCAC.LORA.RANK"
_BASELINE = {"MODEL.META_ARCHITECTURE": "PrototypicalBaseline"}
_INTERPOLATED, _AVERAGED = {"SOLVER.INTERPOLATE.ALPHA": 0.7}, {"SOLVER.EMA.EPOCHS": 3.0}
_THIRD, _TENTH = 0.33, 0.1
_VIEW = _CONDITIONER + "VIEW"
_NO_ERASING = {"INPUT.REA.ENABLED": False}
# The feature of one image conditions the denoising of another one of its identity; chosen on synthetic data set 0.
_CROSS_VIEW = {_CONDITIONER + "NAME": "InstanceWiseConditioner", _VIEW: "identity", "MODEL.DCAC.BALANCE": 1.0}
# The same through a denoiser that was pre-trained on CLIP's image embeddings, which are the condition then; chosen on synthetic
# data set 0. It exists for the small CLIP (and for ViT-L/14, see configs/DCAC/plus/ma_ms/image_cross_view.yml).
_IMAGE_CROSS_VIEW = {
    **_CROSS_VIEW, _CONDITIONER + "NAME": "ImageEmbeddingConditioner",
    "MODEL.DCAC.DIFFUSION.WEIGHTS": "synthetic:stable-diffusion-image-variations",
}  # fmt: skip
# Without any Re-ID loss: nothing else pulls at the weights. With _TENTH; chosen on the synthetic data set.
_ALONE = {
    "MODEL.LOSSES.NAME": (), "MODEL.DCAC.LAMBDA": 1000.0, "SOLVER.PROMPTS_LR_FACTOR": 30.0,
    "SOLVER.WEIGHT_DECAY": 0.0, "SOLVER.WEIGHT_DECAY_NORM": 0.0, "SOLVER.WEIGHT_DECAY_BIAS": 0.0,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        label: as the paper prints it.
        settings: what differs from the config of its source, which is that of "DCAC (Ours)".
        rate: factor of the learning rate of that config; the real configs and the synthetic ones have different rates.
    """

    label: str
    settings: dict[str, Any] = field(default_factory=dict)
    rate: float = 1.0

    def base_lr(self, of_source: float) -> float:
        """SOLVER.BASE_LR of the row, to six digits, by that of its source's config."""
        return of_source if self.rate == 1 else float(f"{of_source * self.rate:.6g}")

    @property
    def synthetic_only(self) -> bool:
        """Whether its weights exist for the encoder of the synthetic data sets alone."""
        return any(str(value).startswith(SYNTHETIC) for value in self.settings.values())


ROWS = {
    "baseline": Row("Baseline", _BASELINE),
    "dcac": Row("DCAC"),
    # Table 5
    "frozen": Row("DCAC (Frozen)", {_TUNING: "frozen"}),
    "partial1": Row("DCAC (Partial fine-tuning 1)", {_TUNING: "partial1"}),
    "partial2": Row("DCAC (Partial fine-tuning 2)", {_TUNING: "partial2"}),
    "full": Row("DCAC (Full fine-tuning)", {_TUNING: "full"}),
    "scratch": Row("DCAC (Train from scratch)", {_TUNING: "scratch"}),
    # Tables 7 and 8
    "instance": Row("DCAC (Instance-wise)", {_CONDITIONER + "NAME": "InstanceWiseConditioner"}),
    "class": Row("DCAC (Class-wise)", {_CONDITIONER + "NAME": "ClassWiseConditioner"}),
    "class_rescaled": Row(
        "DCAC (Class-wise, divided by p_iy)",
        {_CONDITIONER + "NAME": "ClassWiseConditioner", _CONDITIONER + "RESCALE": True},
    ),
    # Table 9
    "rank8": Row("Rank 8", {_RANK: 8}),
    "rank16": Row("Rank 16", {_RANK: 16}),
    "rank32": Row("Rank 32", {_RANK: 32}),
    "rank64": Row("Rank 64", {_RANK: 64}),
    # Table 10
    "silu": Row("+ Non-linearity", {_CONDITIONER + "TRANSFORM": "silu"}),
    "batchnorm": Row("+ BatchNorm", {_CONDITIONER + "TRANSFORM": "batchnorm"}),
    "condition_net": Row("+ ConditionNet", {_CONDITIONER + "TRANSFORM": "condition_net"}),
    # options of the authors' code
    "probs_prototypes": Row("DCAC (probabilities of the prototypes)", {_CONDITIONER + "PROBS": "prototypes"}),
    "probs_both": Row("DCAC (mean of both probabilities)", {_CONDITIONER + "PROBS": "both"}),
    # controls that the paper lacks
    "random_unet": Row("DCAC (random U-Net, frozen)", {_TUNING: "random"}),
    "shuffled": Row("DCAC (condition shuffled)", {_CONDITIONER + "SHUFFLE": True}),
    # which weights are tested: levers beyond the paper
    "baseline_interpolated": Row("Baseline, interpolated (0.7)", {**_BASELINE, **_INTERPOLATED}),
    "interpolated": Row("DCAC, interpolated (0.7)", _INTERPOLATED),
    "baseline_third": Row("Baseline, a third of the rate", _BASELINE, _THIRD),
    "baseline_third_interpolated": Row(
        "Baseline, a third of the rate, interpolated (0.7)", {**_BASELINE, **_INTERPOLATED}, _THIRD
    ),
    "baseline_tenth": Row("Baseline, a tenth of the rate", _BASELINE, _TENTH),
    "baseline_tenth_interpolated": Row(
        "Baseline, a tenth of the rate, interpolated (0.7)", {**_BASELINE, **_INTERPOLATED}, _TENTH
    ),
    "baseline_averaged": Row("Baseline, averaged (3 epochs)", {**_BASELINE, **_AVERAGED}),
    "baseline_third_averaged": Row(
        "Baseline, a third of the rate, averaged (3 epochs)", {**_BASELINE, **_AVERAGED}, _THIRD
    ),
    "baseline_tenth_averaged": Row(
        "Baseline, a tenth of the rate, averaged (3 epochs)", {**_BASELINE, **_AVERAGED}, _TENTH
    ),
    "averaged": Row("DCAC, averaged (3 epochs)", _AVERAGED),
    "baseline_no_erasing": Row("Baseline, no random erasing", {**_BASELINE, **_NO_ERASING}),
    "baseline_no_erasing_interpolated": Row(
        "Baseline, no random erasing, interpolated (0.7)", {**_BASELINE, **_NO_ERASING, **_INTERPOLATED}
    ),
    # alpha 0: the encoder as it came, behind it the BNNeck's statistics of the source
    "pretrained": Row("Pre-trained encoder", {**_BASELINE, "SOLVER.INTERPOLATE.ALPHA": 0.0}),
    # beyond the paper: whose condition an image denoises, beside the Re-ID losses and without them
    "view_identity": Row("DCAC (another image's condition)", {_VIEW: "identity"}),
    "view_camera": Row("DCAC (another camera's condition)", {_VIEW: "camera"}),
    "cross_view": Row("DCAC, cross-view", _CROSS_VIEW),
    "cross_view_interpolated": Row("DCAC, cross-view, interpolated (0.7)", {**_CROSS_VIEW, **_INTERPOLATED}),
    "image_cross_view": Row("DCAC, cross-view, image-conditioned", _IMAGE_CROSS_VIEW),
    "image_cross_view_interpolated": Row(
        "DCAC, cross-view, image-conditioned, interpolated (0.7)", {**_IMAGE_CROSS_VIEW, **_INTERPOLATED}
    ),
    "image_cross_view_no_erasing": Row(
        "DCAC, cross-view, image-conditioned, no random erasing", {**_IMAGE_CROSS_VIEW, **_NO_ERASING}
    ),
    "image_cross_view_no_erasing_interpolated": Row(
        "DCAC, cross-view, image-conditioned, no random erasing, interpolated (0.7)",
        {**_IMAGE_CROSS_VIEW, **_NO_ERASING, **_INTERPOLATED},
    ),
    "feedback_alone_same": Row("Feedback alone (own condition)", _ALONE, _TENTH),
    "feedback_alone": Row("Feedback alone (another image's condition)", {**_ALONE, _VIEW: "identity"}, _TENTH),
    "feedback_alone_camera": Row("Feedback alone (another camera's condition)", {**_ALONE, _VIEW: "camera"}, _TENTH),
}


def check_row(name: str) -> None:
    """Raises InputError where no row has this name."""
    if name not in ROWS:
        raise InputError(f"there is no row {name!r}; known rows are {', '.join(ROWS)}")
