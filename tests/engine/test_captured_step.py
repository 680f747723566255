"""CapturedStep on an emulated CUDA graph trains as ordinary steps do: two epochs of six steps, the first three ordinary."""

import numpy as np
import pytest
import torch

import dcac_fastreid
from dcac_fastreid.diffusion import feedback
from dcac_fastreid.engine.captured_step import WARM_UP, CapturedStep
from dcac_fastreid.losses import PrototypeMemory

from .emulated_graph import emulated_graphs

STEPS = 12


@pytest.fixture(scope="module")
def train(configs, tiny_data, tmp_path_factory):
    """Makes a training; returns the losses of its steps (STEPS, 3), their learning rates, and the trainer.

    Every epoch has another learning rate, so high that Adam counts, and prototypes of its own.
    """

    def make(*opts):
        cfg = dcac_fastreid.load_config(
            str(configs / "synthetic" / "ma_ms.yml"),
            [
                "MODEL.DEVICE", "cpu",
                "SOLVER.AMP.ENABLED", False,
                "DATASETS.ROOT", str(tiny_data),
                "OUTPUT_DIR", str(tmp_path_factory.mktemp("out")),
                "SEED", 7,
                "SOLVER.IMS_PER_BATCH", 8,
                "SOLVER.MAX_EPOCH", 2,
                "SOLVER.WARMUP_EPOCHS", 2,
                "SOLVER.BASE_LR", 3e-4,
                "MODEL.DCAC.DIFFUSION.SIZE", [32, 32],
                "TEST.EVAL_PERIOD", 0,
                "MODEL.DCAC.CONDITIONER.SHUFFLE", True,
                *opts,
            ],
        )  # fmt: skip
        trainer = dcac_fastreid.DCACTrainer(cfg)
        losses, rates, write = [], [], trainer._trainer._write_metrics

        def note(values, data_time):
            losses.append([value.item() for value in values.values()])
            rates.append(float(trainer.optimizer.param_groups[0]["lr"]))
            write(values, data_time)

        trainer._trainer._write_metrics = note
        trainer.resume_or_load(resume=False)
        trainer.train()
        return np.array(losses), rates, trainer

    return make


@pytest.fixture(scope="module")
def ordinary(train):
    return train()


def captured(train, *opts):
    """A training with recorded steps, and its graph."""
    with emulated_graphs() as graphs:
        made = train("SOLVER.CUDA_GRAPH", True, *opts)
    (graph,) = graphs
    return *made, graph


def difference(losses, others) -> float:
    """The largest, relative."""
    return (np.abs(losses - others) / np.abs(others)).max()


def test_replayed_steps_train_as_ordinary_ones(train, ordinary):
    losses, rates, trainer, graph = captured(train)
    assert graph.replays == STEPS - WARM_UP and len(graph.tape) > 500
    assert losses.shape == (STEPS, 3) and len(set(rates)) == 2
    assert rates == pytest.approx(ordinary[1], rel=1e-6)
    assert difference(losses, ordinary[0]) < 5e-6
    assert graph.generators == [trainer.model.feedback.generator]
    noise, other_noise = (each.model.feedback.random_state() for each in (trainer, ordinary[2]))
    assert torch.equal(noise, other_noise)
    assert trainer.storage.history("cls_accuracy").values() == ordinary[2].storage.history("cls_accuracy").values()
    state, others = trainer.model.state_dict(), ordinary[2].model.state_dict()
    for name in ("memory.prototypes", "heads.weight", "heads.bottleneck.0.running_var", "conditioner.prompts"):
        torch.testing.assert_close(state[name], others[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.slow
def test_a_step_with_a_balance_is_recorded_with_its_inner_backward_pass(train):
    """MODEL.DCAC.BALANCE: λ is a number of each step, found by torch.autograd.grad."""
    opts = ("MODEL.DCAC.BALANCE", 0.5)
    expected, losses = train(*opts)[0], captured(train, *opts)[0]
    assert difference(losses, expected) < 1e-5 and len(set(losses[:, 2])) == STEPS


def a_learning_rate_that_is_a_number(monkeypatch):
    begin = CapturedStep.__init__

    def without_tensors(self, trainer, autocast):
        begin(self, trainer, autocast)
        for group in trainer.optimizer.param_groups:
            group["lr"] = float(group["lr"])

    monkeypatch.setattr(CapturedStep, "__init__", without_tensors)


def a_batch_in_other_memory(monkeypatch):
    take = CapturedStep._take

    def every_time(self, batch):
        self._batch = {}
        take(self, batch)

    monkeypatch.setattr(CapturedStep, "_take", every_time)


def prototypes_in_other_memory(monkeypatch):
    reset = PrototypeMemory.reset

    def every_time(self, features, targets):
        self.prototypes = self.prototypes.clone()
        reset(self, features, targets)

    monkeypatch.setattr(PrototypeMemory, "reset", every_time)


def noise_of_the_host(monkeypatch):
    def drawn(moments, scaling_factor, generator):
        mean, log_variance = moments.chunk(2, dim=1)
        noise = torch.randn(mean.shape, generator=generator).numpy().copy()
        return scaling_factor * (mean + (0.5 * log_variance).exp() * torch.from_numpy(noise))

    monkeypatch.setattr(feedback, "sample_latents", drawn)


def latents_looked_up_in_the_step(monkeypatch):
    begin = CapturedStep.__init__

    def with_lookup(self, trainer, autocast):
        begin(self, trainer, autocast)
        self._feedback.moments_of = self._lookup

    monkeypatch.setattr(CapturedStep, "__init__", with_lookup)


@pytest.mark.parametrize(
    ("fault", "first"),
    [
        (a_learning_rate_that_is_a_number, 7),  # the second step of the next epoch: the first one's losses are before its update
        pytest.param(a_batch_in_other_memory, 4, marks=pytest.mark.slow),  # the second one that is replayed
        pytest.param(prototypes_in_other_memory, 6, marks=pytest.mark.slow),  # the first of the next epoch
        pytest.param(noise_of_the_host, 4, marks=pytest.mark.slow),
        pytest.param(latents_looked_up_in_the_step, 4, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_planted_fault_is_noticed(train, ordinary, monkeypatch, fault, first):
    fault(monkeypatch)
    losses, *_, graph = captured(train)
    assert graph.replays == STEPS - WARM_UP
    apart = [difference(*both) for both in zip(losses, ordinary[0], strict=True)]
    assert max(apart[:first]) < 5e-6 and apart[first] > 1e-4


@pytest.mark.parametrize("fault", ["a number", pytest.param("a generator", marks=pytest.mark.slow)])
def test_where_the_recording_fails_ordinary_steps_go_on(train, ordinary, monkeypatch, fault, caplog):
    if fault == "a number":
        update = PrototypeMemory.update

        def asking(self, features, targets):
            assert features.sum().item() is not None
            update(self, features, targets)

        monkeypatch.setattr(PrototypeMemory, "update", asking)
    else:
        monkeypatch.setattr("tests.engine.emulated_graph.EmulatedGraph.register_generator_state", lambda *args: None)
    losses, _, trainer, graph = captured(train)
    assert not graph.replays and not trainer._train_on_batch.recorded
    assert difference(losses, ordinary[0]) < 5e-6
    assert "SOLVER.CUDA_GRAPH: the step cannot be recorded, it goes on without" in caplog.text
