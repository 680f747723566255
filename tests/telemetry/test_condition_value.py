"""The condition's value, by a denoiser whose losses are known, and on the held-out images of a real training."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from dcac_fastreid import data
from dcac_fastreid.diffusion import Denoiser
from dcac_fastreid.diffusion.noise_errors import errors_under
from dcac_fastreid.engine.held_out_condition import DRAWS, ConditionValue
from dcac_fastreid.errors import InputError
from dcac_fastreid.telemetry import condition_values, pair_conditions

TELEMETRY = "MODEL.DCAC.TELEMETRY"


class Known(Denoiser):
    """Its error is the square of the condition's number, times 2 from timestep 50 of 100 on."""

    condition_dim, num_timesteps, lora_targets = 1, 100, ()

    def add_noise(self, latents, noise, timesteps):
        return noise

    def target(self, latents, noise, timesteps):
        return noise

    def forward(self, noisy_latents, timesteps, condition):
        factor = torch.where(timesteps < 50, 1.0, 2.0**0.5)
        return noisy_latents + (condition[:, 0, 0] * factor)[:, None, None, None]

    def parts(self):
        return {}

    def lora_layers(self):
        return {}


def test_images_of_two_identities_exchange_their_conditions():
    conditions = pair_conditions(torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None, None])
    assert {name: of.flatten().tolist() for name, of in conditions.items()} == {
        "own": [1, 2, 3, 4], "identity": [2, 1, 4, 3], "anothers": [3, 4, 1, 2], "none": [0, 0, 0, 0],
    }  # fmt: skip


def test_every_error_is_that_of_its_own_condition_whatever_the_batch():
    torch.manual_seed(0)
    latents, noise, own = torch.randn(150, 4, 2, 2), torch.randn(150, 4, 2, 2), torch.randn(150, 1, 1)
    timesteps = torch.arange(150) % 100
    errors = errors_under(Known(), latents, noise, timesteps, {"own": own, "twice": 2 * own})
    expected = own.flatten() ** 2 * torch.where(timesteps < 50, 1.0, 2.0)
    torch.testing.assert_close(errors, {"own": expected, "twice": 4 * expected}, rtol=1e-4, atol=1e-5)


def test_values_of_a_denoiser_whose_losses_are_known():
    """Own 2, the identity's other image 4, another identity's 5; in the second half all but none double, which says nothing."""
    timesteps = torch.tensor([0, 30, 60, 99])
    repeated = torch.tensor([1.0, 1.0, 2.0, 2.0])
    errors = {"own": 2 * repeated, "identity": 4 * repeated, "anothers": 5 * repeated, "none": torch.full((4,), 9.0)}
    numbers = {name: value.item() for name, value in condition_values(errors, timesteps, 100).items()}
    assert numbers == pytest.approx(
        {
            **dict.fromkeys([f"condition_value_{band}" for band in ("0_25", "25_50", "50_75", "75_100")], 1.5),
            **{"condition_value": 1.5, "condition_value_identity": 0.25, "condition_value_none": 2.0},
            **{"held_out_loss_own": 3.0, "held_out_loss_identity": 6.0},
            **{"held_out_loss_anothers": 7.5, "held_out_loss_none": 9.0},
        }
    )


def test_a_value_weighs_the_samples_by_their_losses():
    """(5 + 5) / (2 + 6) - 1, not the mean of 1.5 and -0.17."""
    errors = {"own": torch.tensor([2.0, 6.0]), "anothers": torch.tensor([5.0, 5.0])}
    errors |= {"identity": errors["own"], "none": errors["own"]}
    assert condition_values(errors, torch.tensor([0, 1]), 100)["condition_value"].item() == pytest.approx(0.25)


def test_held_out_images_are_two_of_each_test_identity_of_the_source(make_cfg):
    found = data.held_out(make_cfg("ma_ms.yml"), 4)
    identities = [Path(path).name[:4] for path in found.paths]
    assert identities[::2] == identities[1::2] and len(set(identities)) == 4 and len(set(found.paths)) == 8
    assert all("Market" in path and ("query" in path or "bounding_box_test" in path) for path in found.paths)
    assert found.images.shape == (8, 3, 128, 64)
    cameras = [Path(path).name[6] for path in found.paths]
    assert all(one != other for one, other in zip(cameras[::2], cameras[1::2], strict=True))
    assert data.held_out(make_cfg("ma_ms.yml", "DATASETS.COMBINEALL", True), 4) is None


def test_of_a_source_with_validation_identities_of_its_own_it_is_they(make_cfg, tiny_data, tmp_path):
    root = shutil.copytree(tiny_data, tmp_path / "data_root")
    (market,) = root.glob("Market*")
    (market / "validation").mkdir()
    for image in sorted((market / "bounding_box_test").glob("[0-9]*.jpg")):
        if image.name[:4] != "0000":
            shutil.copy(image, market / "validation" / f"1{image.name[1:]}")
    for combineall in (False, True):
        cfg = make_cfg("ma_ms.yml", "DATASETS.ROOT", str(root), "DATASETS.COMBINEALL", combineall)
        identities = [Path(path).name[:4] for path in data.held_out(cfg, 4).paths]
        assert (
            identities[::2] == identities[1::2]
            and len(set(identities)) == 4
            and {person[0] for person in identities} == {"1"}
        )


def test_identities_with_a_broken_image_are_left_out_where_others_are_too(make_cfg, tiny_data, tmp_path):
    root = shutil.copytree(tiny_data, tmp_path / "data_root")
    opts = ("DATASETS.ROOT", str(root), "DATALOADER.SKIP_CORRUPT")
    whole = data.held_out(make_cfg("ma_ms.yml", *opts, True), 4)
    Path(whole.paths[2]).write_bytes(b"broken")
    found = data.held_out(make_cfg("ma_ms.yml", *opts, True), 4)
    assert found.paths == whole.paths[:2] + whole.paths[4:]
    assert torch.equal(found.images, torch.cat([whole.images[:2], whole.images[4:]]))
    with pytest.raises(InputError, match="cannot be read"):
        data.held_out(make_cfg("ma_ms.yml", *opts, False), 4)
    for path in whole.paths[4:]:
        Path(path).write_bytes(b"broken")
    assert data.held_out(make_cfg("ma_ms.yml", *opts, True), 4) is None, "of one identity"


def trained(make_trainer, *opts):
    trainer = make_trainer("ma_ms.yml", TELEMETRY, 2, "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1], *opts)
    trainer.resume_or_load(resume=False)
    trainer.train()
    lines = [json.loads(line) for line in (Path(trainer.cfg.OUTPUT_DIR) / "metrics.json").read_text().splitlines()]
    return trainer, {line["iteration"] // 3: line for line in lines if "telemetry/condition_value" in line}


EVERY = ("SOLVER.BASE_LR", 0.01, "TEST.EVAL_PERIOD", 1, "OUTPUT_DIR")


@pytest.fixture(scope="module")
def kept():
    """What `plain` has made."""
    return {}


@pytest.fixture
def plain(kept, few_draws, make_trainer, tmp_path_factory):
    """`trained` with an evaluation after each of both epochs, once for the tests of this file."""
    if not kept:
        kept["plain"] = trained(make_trainer, *EVERY, str(tmp_path_factory.mktemp("plain")))
    return kept["plain"]


@pytest.mark.usefixtures("few_draws")
def test_it_is_measured_after_the_epochs_that_are_evaluated_and_the_last_one(make_trainer, plain):
    trainer, found = trained(make_trainer, "TEST.EVAL_PERIOD", 0)
    assert list(found) == [1]
    hook = next(hook for hook in trainer._hooks if isinstance(hook, ConditionValue))
    again = hook.numbers()  # the same draws: the same numbers
    assert again["condition_value"].item() == found[1]["telemetry/condition_value"]
    assert trainer.model.training and trainer.model.feedback.denoiser.training
    assert list(plain[1]) == [0, 1]


@pytest.mark.usefixtures("few_draws")
def test_measuring_between_epochs_leaves_the_training_as_it_is(make_trainer, plain, tmp_path):
    without, _ = trained(make_trainer, *EVERY, str(tmp_path / "without"), TELEMETRY, 0)
    weights = [run.model.state_dict() for run in (without, plain[0])]
    assert [name for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])] == []


@pytest.mark.usefixtures("few_draws")
def test_it_is_of_the_weights_that_train_whatever_is_tested(make_trainer, plain, tmp_path):
    """After the first epoch an average is tested, after the last one an interpolated one; a resumed run measures that again."""
    of_run = (*EVERY, str(tmp_path / "tested"), "SOLVER.EMA.EPOCHS", 1.0, "SOLVER.INTERPOLATE.ALPHA", 0.3)
    runs, found = {"plain": plain, "tested": trained(make_trainer, *of_run)}, {}
    for name, (_, lines) in runs.items():
        found[name] = [{key: line[key] for key in line if key.startswith("telemetry/")} for line in lines.values()]
    assert len(found["plain"]) == 2 and found["tested"] == found["plain"]
    again = make_trainer("ma_ms.yml", TELEMETRY, 2, "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1], *of_run)
    again.resume_or_load(resume=True)
    again.train()
    assert again.storage.latest()["telemetry/condition_value"][0] == found["plain"][1]["telemetry/condition_value"]


def test_its_draws_are_spread_over_the_schedule(make_trainer):
    trainer = make_trainer("ma_ms.yml", TELEMETRY, 2)
    hook = next(hook for hook in trainer._hooks if isinstance(hook, ConditionValue))
    hook.before_train()
    _, timesteps = hook._draws(1000)
    of_images = timesteps.view(DRAWS, -1)
    assert of_images.shape == (DRAWS, 12)  # two images of each of the 6 test identities
    bounds = torch.arange(DRAWS)[:, None] * 1000 / DRAWS
    assert ((of_images >= bounds.floor()) & (of_images < bounds + 1000 / DRAWS)).all()


def test_a_scheme_that_needs_trained_identities_says_so(make_trainer, monkeypatch):
    said = []
    monkeypatch.setattr("dcac_fastreid.engine.trainer.logger.info", said.append)
    trainer = make_trainer("ma_ms.yml", TELEMETRY, 2, "MODEL.DCAC.CONDITIONER.NAME", "ClassWiseConditioner")
    assert not [hook for hook in trainer._hooks if isinstance(hook, ConditionValue)]
    assert any("ClassWiseConditioner makes no condition of an identity that is not trained on" in line for line in said)
