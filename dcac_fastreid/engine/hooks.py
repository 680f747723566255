"""Hooks of DCACTrainer: they know WHEN; what is done then is said elsewhere."""

import logging
import time
from collections.abc import Callable

import torch

from dcac_fastreid.data.loading.progress_bar import progress_bar
from dcac_fastreid.distributed.agreement import agree_to_rounding, check_same_bits
from dcac_fastreid.distributed.shares import in_order
from dcac_fastreid.distributed.turns import wait_for_all
from dcac_fastreid.engine.average import WeightAverage
from dcac_fastreid.engine.console import say_epoch
from dcac_fastreid.engine.start import EncoderStart
from dcac_fastreid.engine.tested_weights import TestedWeights
from dcac_fastreid.telemetry import FeedbackVerdict, StepTelemetry
from fastreid.engine import hooks
from fastreid.engine.train_loop import HookBase

logger = logging.getLogger("fastreid.dcac")


class BeforeTrain(HookBase):
    """Calls a function once, before the first step: the latent cache is filled then."""

    def __init__(self, function: Callable[[], None]):
        self._function = function

    def before_train(self):
        self._function()


class PrototypeReset(HookBase):
    """At the start of EVERY epoch: prototypes from the features of all training images.

    An epoch that is resumed in its middle has its prototypes in the checkpoint.

    In evaluation mode and without augmentation, as the paper and the authors' code. In the first epoch the BNNeck's running
    statistics are still those of its initialisation, so these prototypes lie in another space than the training features
    and loss_pcl rises for some steps before it falls: the paper's procedure is kept, no pass to warm up the statistics is added.

    Args:
        model: has a PrototypeMemory `memory`.
        loader: a finite pass over the training images, not augmented; of several processes, its own batches of it.
        autocast: the type of mixed precision of the training (also in the authors' code); None for fp32.
    """

    def __init__(self, model: torch.nn.Module, loader, autocast: torch.dtype | None = None):
        self._model = model
        self._loader = loader
        self._autocast = torch.autocast(model.device.type, dtype=autocast, enabled=autocast is not None)

    @torch.no_grad()
    def before_epoch(self):
        if self.trainer.resumed_inside:
            return
        features, targets = [], []
        self._model.eval()
        with self._autocast:
            for batch in self._loader:
                features.append(self._model({"images": batch["images"].to(self._model.device)}))
                targets.append(batch["targets"].to(self._model.device))
        self._model.train()
        self._model.memory.reset(in_order(features), in_order(targets))
        agree_to_rounding(self._model.memory)


class SameModel(HookBase):
    """At both ends of an epoch: do all processes still have the same model? Stands before what saves, and before PrototypeReset.

    At its start all get the first one's buffers, which each computes for itself.

    Args: model, optimizer: not wrapped.
    """

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer):
        self._model, self._optimizer = model, optimizer

    def before_epoch(self):
        agree_to_rounding(self._model)

    def after_epoch(self):
        check_same_bits(self._model, self._optimizer)


class WaitForAll(HookBase):
    """Behind a hook that one process has: the others wait for it here, however long it works."""

    def before_train(self):
        wait_for_all()

    def after_epoch(self):
        wait_for_all()


class AverageUpdate(HookBase):
    """After every step the average of the weights takes them in; before a checkpoint is saved."""

    def __init__(self, average: WeightAverage):
        self._average = average

    def after_step(self):
        self._average.update()


class WeightsToTrain(HookBase):
    """Before an epoch the model has the weights that train; stands first."""

    def __init__(self, tested: TestedWeights):
        self._tested = tested

    def before_epoch(self):
        self._tested.take_out()


class WeightsToTest(HookBase):
    """At the end of an epoch that is saved or tested the model gets the weights for it; stands before both.

    Args:
        due: the epoch, from 0, to whether one of both is due.
    """

    def __init__(self, tested: TestedWeights, due: Callable[[int], bool]):
        self._tested, self._due = tested, due

    def after_epoch(self):
        if self._due(self.trainer.epoch):
            self._tested.put_in(last=self.trainer.epoch + 1 == self.trainer.max_epoch)


class TelemetrySampler(HookBase):
    """Every so many steps, counted from the first of the run: the step's telemetry, logged and judged; before the writers.

    Args: start: of the encoder, by which its displacement is measured.
    """

    def __init__(self, telemetry: StepTelemetry, period: int, start: EncoderStart):
        self._telemetry = telemetry
        self._period = period
        self._start = start
        self._verdict = FeedbackVerdict()

    def before_train(self):
        self._telemetry.measure_from(self._start.weights)

    def before_step(self):
        if self.trainer.iter % self._period == 0:
            scaler = self.trainer.grad_scaler
            # Not scaler.get_scale(), which waits for the GPU; after the step it may have changed.
            self._telemetry.begin(scaler.scale(torch.ones((), device=self.trainer.model.device)) if scaler else None)

    def after_step(self):
        if self.trainer.iter % self._period == 0:
            numbers = self._telemetry.end()
            for name, number in numbers.items():
                # no smoothing: the median of 20 samples would be one of a thousand steps
                self.trainer.storage.put_scalar(f"telemetry/{name}", number, smoothing_hint=False)
            if "gradient_ratio" in numbers and (sentence := self._verdict.hear(numbers["gradient_ratio"])):
                logger.warning(sentence)


class EpochProgress(HookBase):
    """A progress bar over the steps of an epoch, where standard error is a terminal, and a line when it ends.

    Of several processes only the main one shows the bar. Stands before what saves and tests: the line is there when these
    begin, and its seconds are without them.
    """

    def before_train(self):
        self._seconds, self._steps = 0.0, 0

    def before_epoch(self):
        self._start, self._first = time.perf_counter(), self.trainer.iter
        total = self.trainer.epoch_steps.of(self.trainer.epoch)
        description = f"epoch {self.trainer.epoch + 1}/{self.trainer.max_epoch}"
        self._bar = progress_bar(total=total, desc=description, unit="step")

    def after_step(self):
        self._bar.update()

    def after_epoch(self):
        self._bar.close()
        steps, took = self.trainer.iter - self._first, time.perf_counter() - self._start
        if not steps:
            return
        self._seconds, self._steps = self._seconds + took, self._steps + steps
        histories = self.trainer.storage.histories()
        losses = {name: history.avg(steps) for name, history in histories.items() if name.startswith("loss_")}
        rate = histories["lr"].latest() if "lr" in histories else None
        left = self._seconds / self._steps * (self.trainer.max_iter - self.trainer.iter)
        say_epoch(self.trainer.epoch + 1, self.trainer.max_epoch, losses, rate, took, left)

    def after_train(self):
        if hasattr(self, "_bar"):  # of an epoch that was stopped: the line below it begins on the left
            self._bar.close()


class LastEpochCheckpointer(hooks.PeriodicCheckpointer):
    """fast-reid's, with two differences: it stands before the evaluation, and it leaves `model_best` to BestCheckpointer.

    So an evaluation that fails costs no training. An epoch that is evaluated, or on whose end SOLVER.CHECKPOINT_STEPS falls,
    and that `period` leaves out, is saved as `model_steps`.

    Args:
        period, evaluations: epochs from one checkpoint, or evaluation, to the next; 0 for none.
        steps: SOLVER.CHECKPOINT_STEPS.
    """

    def __init__(self, checkpointer, period: int, steps: int, evaluations: int):
        super().__init__(checkpointer, period)
        self._steps = steps
        self._evaluations = evaluations

    def before_train(self):
        self.max_epoch = self.trainer.max_epoch  # fast-reid's also looks for a metric, by the name of the first test

    def due(self, epoch: int) -> bool:
        """Whether the end of an epoch is saved, as it is wherever it is tested."""
        return self._of_its_own(epoch) or self._as_steps(epoch)

    def after_epoch(self):
        epoch = self.trainer.epoch
        self.step(epoch, metric=-1.0)  # no metric is below its initial best, so none is "better"
        if self._as_steps(epoch) and not self._of_its_own(epoch):
            self.checkpointer.save("model_steps", epoch=epoch)

    def _of_its_own(self, epoch: int) -> bool:
        return (epoch + 1) % self.period == 0 or epoch + 1 == self.max_epoch

    def _as_steps(self, epoch: int) -> bool:
        counted = self._steps and self.trainer.iter % self._steps == 0
        return bool(counted or (self._evaluations and (epoch + 1) % self._evaluations == 0))


class StepCheckpointer(HookBase):
    """Saves `model_steps` after every so many steps, over the one before; stands last, behind the writers.

    The last step of an epoch is left out: its checkpoint is LastEpochCheckpointer's.
    """

    def __init__(self, checkpointer, period: int, tested: TestedWeights):
        self._checkpointer = checkpointer
        self._period = period
        self._tested = tested

    def after_step(self):
        done = self.trainer.iter + 1
        if done % self._period == 0 and not self.trainer.epoch_steps.ends(done):
            self._tested.put_in(last=False)
            self._checkpointer.save("model_steps", epoch=self.trainer.epoch - 1)
            self._tested.take_out()


class BestCheckpointer(HookBase):
    """Keeps `model_best`, the weights of the best evaluation by fast-reid's metric, (mAP + Rank-1) / 2 of the first test.

    Only for a run that is tested on its own sources: in a cross-domain run this would be selection on the target's test
    set. Tables use the last epoch in any case. Unlike fast-reid's, a resumed run goes on from the best that was saved, and the
    file names the data set whose metric picked it.

    Args:
        checkpointer: its `write` saves a file that is not the one to resume from.
    """

    def __init__(self, checkpointer):
        self._checkpointer = checkpointer

    def before_train(self):
        tests = self.trainer.cfg.DATASETS.TESTS
        self._metric = "metric" if len(tests) == 1 else f"{tests[0]}/metric"
        if not self.trainer.start_epoch:
            self._checkpointer.remove("model_best")  # of another run, which this one does not go on from
        self._best = self._checkpointer.saved_metric("model_best")

    def after_epoch(self):
        metric, step = self.trainer.storage.latest().get(self._metric, (None, None))
        if step == self.trainer.storage.iter and (self._best is None or metric > self._best):
            tests = self.trainer.cfg.DATASETS.TESTS
            self._checkpointer.write("model_best", epoch=self.trainer.epoch, metric=metric, picked_by=tests[:1])
            self._best = metric
