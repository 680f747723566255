"""How many operations PyTorch dispatches in a training step at the real size: each of them is a kernel that a GPU waits for."""

from collections import Counter

import pytest

import dcac_fastreid
from dcac_fastreid.diffusion.stable_diffusion import StableDiffusionDenoiser
from dcac_fastreid.engine import linear_layers
from dcac_fastreid.profiling import shape_run
from dcac_fastreid.profiling.joined import Joined
from dcac_fastreid.profiling.shape_run import run_on_shapes

# Of forward and backward pass, without the optimizer's two. A change that needs more of them is measured, and says so here.
AT_MOST = {
    "fp32": {"encoder_forward": 153, "encoder_backward": 267, "unet_forward": 849, "unet_backward": 1085, "other": 140},
    "bf16": {"encoder_forward": 160, "encoder_backward": 272, "unet_forward": 850, "unet_backward": 1085, "other": 150},
}
# As the libraries compute them, and the U-Net in mixed precision: the columns "before" of docs/performance.md.
BEFORE = {
    "fp32": {
        "encoder_forward": 213,
        "encoder_backward": 523,
        "unet_forward": 1399,
        "unet_backward": 1372,
        "other": 131,
    },
    "bf16": {
        "encoder_forward": 316,
        "encoder_backward": 624,
        "unet_forward": 1849,
        "unet_backward": 1872,
        "other": 139,
    },
}


@pytest.fixture(autouse=True)
def linear_layers_of_pytorch(monkeypatch):
    """On AMD's processors too, where a linear layer may be a convolution: the numbers are for a GPU."""
    monkeypatch.setattr(linear_layers, "mkl_is_slow", lambda: False)


def counted(configs, precision) -> Counter:
    cfg = dcac_fastreid.load_config(
        str(configs / "ma_ms.yml"),
        [
            "MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False, "SEED", 0,
            "SOLVER.AMP.ENABLED", precision == "bf16", "SOLVER.AMP.DTYPE", "bf16",
        ],
    )  # fmt: skip
    counts = Counter()
    for operation in run_on_shapes(cfg, num_classes=751).operations:
        # The gradients of the step before, which that run makes up, and a question about types.
        if str(operation.function) not in ("aten.empty_like.default", "aten.promote_types.default"):
            counts[operation.part] += operation.count
    return counts


@pytest.mark.parametrize("precision", [pytest.param("fp32", marks=pytest.mark.slow), "bf16"])
def test_a_step_of_dcac_has_no_more_operations_than_these(configs, precision):
    counts = counted(configs, precision)
    assert counts.keys() == AT_MOST[precision].keys()
    assert all(counts[part] <= most for part, most in AT_MOST[precision].items()), counts


@pytest.mark.slow
@pytest.mark.parametrize("precision", BEFORE)
def test_as_the_libraries_compute_it_has_these(configs, precision, monkeypatch):
    built = shape_run.build

    def as_the_libraries(*args, **kwargs):
        model = built(*args, **kwargs)
        Joined(model).choose(ours=False)
        return model

    monkeypatch.setattr(shape_run, "build", as_the_libraries)
    monkeypatch.setattr(StableDiffusionDenoiser, "can_compute_in_one_type", False)
    assert counted(configs, precision) == BEFORE[precision]
