"""Four processes, every variant, and what takes longer than seconds (checks 2, 6, 7 and 8 of DISTRIBUTED.md)."""

import pytest
import torch

from dcac_fastreid.data.checks.check_batches import SAMPLERS

from . import jobs
from .compared import apart, unequal
from .conftest import STEPS, TRAINING, stopped_inside_an_epoch, training
from .processes import in_processes
from .test_batches import joined
from .test_training import assert_ends_alike, assert_written_alike

pytestmark = pytest.mark.slow
OF_FOUR = ["SOLVER.MICRO_BATCH", 4]
CONDITIONER, TUNING = "MODEL.DCAC.CONDITIONER.NAME", "MODEL.DCAC.DIFFUSION.TUNING"
VARIANTS = {
    **{tuning: ("ma_ms.yml", [*OF_FOUR, TUNING, tuning]) for tuning in ("frozen", "partial1", "partial2", "full")},
    **{
        name: ("ma_ms.yml", [*OF_FOUR, CONDITIONER, name])
        for name in ("ClassWiseConditioner", "InstanceWiseConditioner")
    },
    **{
        transform: ("ma_ms.yml", [*OF_FOUR, "MODEL.DCAC.CONDITIONER.TRANSFORM", transform])
        for transform in ("silu", "batchnorm", "condition_net")
    },
    **{probs: ("ma_ms.yml", [*OF_FOUR, "MODEL.DCAC.CONDITIONER.PROBS", probs]) for probs in ("prototypes", "both")},
    "the encoder's embedding": ("plus/ma_ms/image_cross_view.yml", OF_FOUR),
    "another view": (
        "ma_ms.yml", [*OF_FOUR, "MODEL.DCAC.CONDITIONER.VIEW", "camera", "DATALOADER.SAMPLER_TRAIN", "NaiveIdentitySampler"]
    ),
    "no loss of the classifier": (
        "ma_ms.yml", [*OF_FOUR, CONDITIONER, "InstanceWiseConditioner", "MODEL.LOSSES.NAME", ("PrototypicalContrastiveLoss",)]
    ),
    "activations again": ("ma_ms.yml", [*OF_FOUR, "SOLVER.CHECKPOINT_ACTIVATIONS", True]),
    "the baseline without an ID loss": ("baseline/ma_ms.yml", [*OF_FOUR, "MODEL.LOSSES.NAME", ("PrototypicalContrastiveLoss",)]),
    **{name: (config, [*opts, *OF_FOUR]) for name, (config, opts) in STEPS.items()},
}  # fmt: skip

TRAININGS = {
    "telemetry": [*TRAINING, "MODEL.DCAC.TELEMETRY", 2],
    "layers that are held": [*TRAINING, "MODEL.FREEZE_LAYERS", ("backbone",), "SOLVER.FREEZE_ITERS", 2],
    "fp16": [*TRAINING, "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16"],
}


@pytest.fixture(scope="module")
def four(runs, tiny_data, tmp_path_factory) -> tuple[list[dict], dict]:
    """Results of four processes, and of one."""
    folder, root = tmp_path_factory.mktemp("four"), str(tiny_data)
    both = {name: ["", "one_step", config, root, opts] for name, (config, opts) in VARIANTS.items()}
    both |= {name: ["", "batches", root, ["DATALOADER.SAMPLER_TRAIN", name], 5] for name in SAMPLERS}
    both["decoded again"] = ["", "batches", root, ["DATALOADER.CACHE_IMAGES", False], 5]
    stopped_inside_an_epoch(runs.folder / "two", folder / "two to four")
    several = {**both, "resumed": training(root, folder / "two to four", resume=True)}
    for name, opts in TRAININGS.items():
        for number, these in ((1, both), (4, several)):
            opts_of = [*opts, "OUTPUT_DIR", str(folder / f"{number} {name}")]
            these[name] = ["", "train", "ma_ms.yml", root, opts_of, False, name == "fp16"]
    one, of_four = jobs.many(both), in_processes(4, folder / "results", "many", several)
    assert_written_alike(folder / "4 telemetry", folder / "1 telemetry")
    return of_four, one


@pytest.mark.parametrize("name", VARIANTS)
def test_a_step_of_every_variant(four, name):
    of_four, one = four
    for of_process in of_four:
        assert unequal(one[name]["seen"], of_process[name]["seen"]) == []
        assert unequal(one[name]["buffers"], of_process[name]["buffers"]) == []
        far = apart(one[name]["gradients"], of_process[name]["gradients"])
        assert max(far.values()) < 5e-6, list(far.items())[:3]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_rows_of_all_processes_are_the_batches_of_one(four, sampler):
    of_four, one = four
    together = joined([of_process[sampler] for of_process in of_four])
    for (paths, images), (of_one, images_of_one) in zip(together, one[sampler], strict=True):
        assert paths == of_one and torch.equal(images, images_of_one)


def test_images_that_are_decoded_again_are_those_of_one_process_and_their_augmentation_is_not(four):
    of_four, one = four
    together = joined([of_process["decoded again"] for of_process in of_four])
    for (paths, images), (of_one, images_of_one) in zip(together, one["decoded again"], strict=True):
        assert paths == of_one
        assert torch.equal(images[:4], images_of_one[:4]) and not torch.equal(images[4:], images_of_one[4:])


def test_a_run_of_two_processes_goes_on_in_four_inside_an_epoch(four, runs):
    for of_process in four[0]:
        assert len(of_process["resumed"]["losses"]) == 2
        assert_ends_alike(runs.one["train"], of_process["resumed"])


@pytest.mark.parametrize("name", ["telemetry", "layers that are held"])
def test_a_training_with_what_looks_into_steps_or_holds_weights(four, name):
    of_four, one = four
    for of_process in of_four:
        assert_ends_alike(one[name], of_process[name])


def test_all_processes_decide_alike_whether_fp16_has_lost_a_step(four):
    of_four, one = four
    assert one["fp16"]["scales"][0] > one["fp16"]["scales"][-1]
    for of_process in of_four:
        assert of_process["fp16"]["scales"] == one["fp16"]["scales"]
        assert unequal(of_process["fp16"]["model"], of_four[0]["fp16"]["model"]) == []
