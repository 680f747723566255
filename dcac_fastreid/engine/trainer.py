"""DCACTrainer: fast-reid's DefaultTrainer with what DCAC needs before training, before an epoch, and at the end."""

import logging
import math
import socket
import sys
import weakref
from collections.abc import Sequence

import torch
from torch.nn.parallel import DistributedDataParallel

from dcac_fastreid import data
from dcac_fastreid.checkpoint import StrictCheckpointer, encoder_config, marks
from dcac_fastreid.checkpoint.resuming import AVERAGE
from dcac_fastreid.checkpoint.stopped import diverged, interrupted
from dcac_fastreid.dcac import DCAC, attach_training_side
from dcac_fastreid.diffusion import LatentCache, stable_diffusion
from dcac_fastreid.distributed.turns import one_before_the_others
from dcac_fastreid.engine.allocator import keep_freed_memory
from dcac_fastreid.engine.build_tested_weights import build_average, build_start, build_tested_weights
from dcac_fastreid.engine.captured_step import CapturedStep, forget_capture, why_not_captured
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.console import say_results, say_training
from dcac_fastreid.engine.deterministic import compute_deterministically
from dcac_fastreid.engine.epoch_steps import EpochSteps
from dcac_fastreid.engine.held_out_condition import IDENTITIES, ConditionValue, why_no_condition_value
from dcac_fastreid.engine.hooks import (
    AverageUpdate,
    BeforeTrain,
    BestCheckpointer,
    EpochProgress,
    LastEpochCheckpointer,
    PrototypeReset,
    SameModel,
    StepCheckpointer,
    TelemetrySampler,
    WaitForAll,
    WeightsToTest,
    WeightsToTrain,
)
from dcac_fastreid.engine.linear_layers import fast_linear_layers
from dcac_fastreid.engine.lost_folder import LostFolder
from dcac_fastreid.engine.optimizer import build_optimizer
from dcac_fastreid.engine.precision_of_test import in_test_precision
from dcac_fastreid.engine.resume import Progress
from dcac_fastreid.engine.run_folder import take
from dcac_fastreid.engine.run_metadata import write_run_metadata
from dcac_fastreid.engine.schedule import EPOCH_SCHEDULE, build_epoch_schedule
from dcac_fastreid.engine.settings import OURS, autocast_dtype, check_settings
from dcac_fastreid.engine.solver_settings import apply_solver_settings
from dcac_fastreid.engine.speed import describe_speed
from dcac_fastreid.engine.tested_weights import TestedWeights, uses_average, uses_interpolation
from dcac_fastreid.errors import DivergenceError, InputError, behind, one_sentence
from dcac_fastreid.reid import PrototypicalBaseline, parts_that_fit
from dcac_fastreid.telemetry import StepTelemetry
from fastreid.engine import DefaultTrainer, hooks
from fastreid.utils import comm
from fastreid.utils.env import seed_all_rng
from fastreid.utils.events import EventStorage

ID_LOSSES = ("IDLoss", "CrossEntropyLoss")
logger = logging.getLogger("fastreid.dcac")


class DCACTrainer(DefaultTrainer):
    """Trains DCAC, its baseline, or any fast-reid architecture.

    It holds OUTPUT_DIR until its training ends.

    Raises:
        InputError: a setting that cannot work, another run in OUTPUT_DIR, or a training image that is a test image,
            before anything is built.
    """

    @data.read_once()
    def __init__(self, cfg):
        check_settings(cfg, training=True, processes=comm.get_world_size())
        if cfg.SOLVER.DETERMINISTIC:
            compute_deterministically()
        with one_before_the_others():  # hashes and pixels of all images, and a synthetic data set
            data.check_leakage(cfg, data.making_pixels)
        self._run_folder = take(cfg.OUTPUT_DIR)
        weakref.finalize(self, self._run_folder.release)  # of a trainer that never trains
        cfg = _with_seed(cfg)
        seed_all_rng(cfg.SEED)
        logger.info(f"Seed {cfg.SEED}, data sets from {data.use_data_root(cfg)}")
        self.progress = Progress(self)
        self.resumed_inside = False  # of an epoch
        super().__init__(cfg)
        if cfg.SOLVER.AMP.ENABLED:
            self._trainer.set_dtype(autocast_dtype(cfg))
        self._train_on_batch = self._trainer.run_step

    def resume_or_load(self, resume: bool = True):
        """As fast-reid's: weights, optimizer and all else that the run needs to go on, or weights alone.

        Raises:
            InputError: no checkpoint of the run can be read, or it is of another run, of fast-reid's own trainer for instance;
                or the encoder with which it began is needed and is not there.
        """
        self.progress.resuming = resume
        self._resume_or_load(resume)
        self._check_same_start()
        forget_capture(self.optimizer)

    def _resume_or_load(self, resume: bool) -> None:
        try:
            super().resume_or_load(resume)
            if self.start_of_encoder and self.progress.steps:
                self.start_of_encoder.go_on(self.progress.start)
        except InputError:
            if resume:
                self._run_folder.put_config_back()
            raise

    def _check_same_start(self) -> None:
        """Raises InputError, in every process: one would begin at another step than the first."""
        (host, first), *others = comm.all_gather((socket.gethostname(), self.progress.steps))
        for rank, (other_host, steps) in enumerate(others, 1):
            if steps != first:
                raise InputError(
                    f"process 0 on {host} would go on after {first} steps of the run, process {rank} on {other_host} after "
                    f"{steps}: they do not see the same OUTPUT_DIR {self.cfg.OUTPUT_DIR}; give all machines the folder of the "
                    "first, on a drive that they share"
                )

    def train(self):
        """Trains to the last epoch; returns the evaluation of the last epoch, None where none is due.

        After `resume_or_load` from the step on at which the checkpoint was saved, also in the middle of an epoch. What
        follows the checkpoint of an epoch, its evaluation and its line in metrics.json, is done again: the run may have
        been stopped before it. So a finished run is evaluated only.

        Raises: InputError: another run has taken OUTPUT_DIR.
        """
        with self._run_folder:
            return self._train()

    def _train(self):
        if self.cfg.MODEL.DEVICE == "cpu":
            keep_freed_memory()
        self._error_before_training = sys.exc_info()[1]  # for the host's after_train, see compat/training_errors.py
        self.iter = self.start_iter = self.progress.steps
        if self.start_of_encoder and not self.iter:
            self.start_of_encoder.begin()
        write_run_metadata(self.cfg, resumed=self.iter > 0)
        self.start_epoch, first_step = self.epoch_steps.place(self.iter)
        self.data_loader.batch_sampler.sampler.begin_at(self.start_epoch, first_step * self.cfg.SOLVER.IMS_PER_BATCH)
        steps = [self.epoch_steps.of(epoch) for epoch in range(self.max_epoch)]
        speed = describe_speed(self.cfg, comm.get_world_size())
        say_training(self.cfg, self.data_loader.dataset, steps, (self.start_epoch, first_step), speed)
        logger.info(f"Starting training from epoch {self.start_epoch}" + (f", step {first_step}" if first_step else ""))
        with EventStorage(self.iter) as self.storage, fast_linear_layers(self.cfg.MODEL.DEVICE):
            try:
                self._run(first_step)
            except DivergenceError as error:
                raise diverged(self, error) from error
            except KeyboardInterrupt as error:
                raise interrupted(self, error) from None
            except Exception as error:
                if interrupt := behind(error, KeyboardInterrupt):  # which has ended a loader's process, too
                    raise interrupted(self, interrupt) from None
                if not one_sentence(error):
                    logger.exception("Exception during training:")
                raise
            finally:
                self.after_train()
                # Ends the loader's workers now: where the garbage collector ends them, it waits five seconds for each.
                self._trainer._data_loader_iter = None
        return self._last_eval_results

    def _run(self, first_step: int) -> None:
        """fast-reid's loop over epochs and steps, from any step on."""
        self.before_train()
        self.progress.restore()  # after all that comes before the first step, whatever it draws or logs
        if self.cfg.SOLVER.CUDA_GRAPH:
            self._capture_steps()
        if self.iter and not first_step:
            self._finish_epoch()
        for epoch in range(self.start_epoch, self.max_epoch):
            self.epoch = epoch
            self.resumed_inside = first_step > 0
            self.before_epoch()
            for _ in range(first_step, self.epoch_steps.of(epoch)):
                self.before_step()
                self.run_step()
                self.after_step()
                self.iter += 1
            self.after_epoch()
            first_step = 0

    def run_step(self):
        self._trainer.iter = self.iter
        self._train_on_batch()

    def _capture_steps(self) -> None:
        reason = why_not_captured(self.cfg, comm.get_world_size())
        if reason:
            logger.warning(f"SOLVER.CUDA_GRAPH is True, but {reason}: steps are made one kernel after the other")
        else:
            self._train_on_batch = CapturedStep(self._trainer, autocast_dtype(self.cfg))

    def _finish_epoch(self) -> None:
        """What comes after the checkpoint of the epoch that was done last.

        A run that is over saves its last one again where it is, or was, of interpolated weights: SOLVER.INTERPOLATE may be
        another one by now.
        """
        self.epoch = self.storage.epoch = self.start_epoch - 1
        self.storage.iter = self.iter - 1
        logger.info(f"Epoch {self.epoch} is done; its evaluation, where one is due, is made again")
        again = [WeightsToTest, ConditionValue, WaitForAll, hooks.EvalHook, BestCheckpointer, hooks.PeriodicWriter]
        if self.start_epoch == self.max_epoch and (self.checkpointer.interpolated or uses_interpolation(self.cfg)):
            again.append(LastEpochCheckpointer)
        for hook in self._hooks:
            if isinstance(hook, tuple(again)):
                hook.after_epoch()

    @property
    def model(self) -> torch.nn.Module:
        """Not as it is wrapped for several processes."""
        wrapped = self._trainer.model
        return wrapped.module if isinstance(wrapped, DistributedDataParallel) else wrapped

    @classmethod
    def test(cls, cfg, model):
        """fast-reid's, with a sentence below its tables for each result that its own test metric has picked."""
        with fast_linear_layers(cfg.MODEL.DEVICE), in_test_precision(cfg, model):
            results = super().test(cfg, model)
        if comm.is_main_process():
            say_results(results if len(cfg.DATASETS.TESTS) != 1 else {cfg.DATASETS.TESTS[0]: results})
        for mark in marks(cfg.MODEL.WEIGHTS, cfg.DATASETS.TESTS):
            logger.warning(mark)
        return results

    @classmethod
    def build_train_loader(cls, cfg):
        return data.build_train_loader(cfg)

    @classmethod
    def build_test_loader(cls, cfg, dataset_name: str):
        return data.build_test_loader(cfg, dataset_name)

    @classmethod
    def build_model(cls, cfg):
        """The model with its training side; to test, fast-reid's own build_model(cfg) is enough."""
        cfg = data.with_local_weights(cfg)
        with parts_that_fit(cfg):
            model = super().build_model(cfg)
        if isinstance(model, DCAC):
            # Forked: the baseline and DCAC of one seed see the same augmentation.
            with torch.random.fork_rng(devices=[]):
                diffusion = cfg.MODEL.DCAC.DIFFUSION
                denoiser = stable_diffusion.load_denoiser(diffusion.WEIGHTS, ema=diffusion.EMA)
                attach_training_side(model, cfg, denoiser, autocast=autocast_dtype(cfg))
        apply_solver_settings(cfg, model, processes=comm.get_world_size())
        # For compat/distributed_model.py. Without an ID loss nobody may read the classifier.
        model.may_leave_weights_out = bool(cfg.MODEL.FREEZE_LAYERS) or not {*cfg.MODEL.LOSSES.NAME} & {*ID_LOSSES}
        return model

    @classmethod
    def build_optimizer(cls, cfg, model):
        return build_optimizer(cfg, model)

    @classmethod
    def build_lr_scheduler(cls, cfg, optimizer, iters_per_epoch):
        if cfg.SOLVER.SCHED == EPOCH_SCHEDULE:
            return build_epoch_schedule(cfg, optimizer)
        return super().build_lr_scheduler(cfg, optimizer, iters_per_epoch)

    def build_hooks(self):
        self._count_steps()
        model = self.model
        plain_loader = ()  # a script's own training loader may not be one that such a pass could be made of
        if isinstance(model, PrototypicalBaseline) or uses_average(self.cfg) or uses_interpolation(self.cfg):
            plain_loader = data.build_plain_train_loader(self.cfg, self.data_loader)
        average = build_average(self.cfg, model, self.epoch_steps.of(0))
        self.start_of_encoder = build_start(self.cfg, model)
        tested = build_tested_weights(self.cfg, model, plain_loader, average, self.start_of_encoder)
        # The last thing that fast-reid's __init__ does; from here on, hooks and resume_or_load use this checkpointer.
        self.checkpointer = StrictCheckpointer(
            self.model,
            self.cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            encoder_config=encoder_config(self.cfg),
            image_size=data.test_size(self.cfg),
            entries=tested.entries,
            optimizer=self.optimizer,
            progress=self.progress,
            **self.scheduler,
            **({AVERAGE: average} if average else {}),
        )
        ours = [WeightsToTrain(tested)] + ([LostFolder()] if comm.is_main_process() else [])
        if comm.get_world_size() > 1 and self.cfg.MODEL.META_ARCHITECTURE in OURS:
            ours.append(SameModel(self.model, self.optimizer))
        if average:
            ours.append(AverageUpdate(average))
        if isinstance(self.model, DCAC):
            ours.append(BeforeTrain(self._fill_latent_cache))
        if isinstance(self.model, PrototypicalBaseline):
            ours.append(PrototypeReset(self.model, plain_loader, autocast_dtype(self.cfg)))
        if self.cfg.MODEL.DCAC.TELEMETRY:
            ours.append(self._telemetry_sampler())
        cfg, self.cfg = self.cfg, changed(self.cfg, ["DATALOADER.CACHE_IMAGES", False])  # PreciseBN reads some batches
        host = [hook for hook in super().build_hooks() if not isinstance(hook, hooks.PeriodicCheckpointer)]
        self.cfg = cfg
        if isinstance(
            self.model, DCAC
        ):  # log the encoder's learning rate; fast-reid's choice, the commonest, may be LoRA's
            next(hook for hook in host if isinstance(hook, hooks.LRScheduler))._best_param_group_id = 0
        evaluation = next(index for index, hook in enumerate(host) if isinstance(hook, hooks.EvalHook))
        epochs, steps = self.cfg.SOLVER.CHECKPOINT_PERIOD, self.cfg.SOLVER.CHECKPOINT_STEPS
        last_of_epoch = LastEpochCheckpointer(self.checkpointer, epochs, steps, self.cfg.TEST.EVAL_PERIOD)
        host[evaluation:evaluation] = [WeightsToTest(tested, last_of_epoch.due), last_of_epoch]
        if steps:
            host.append(StepCheckpointer(self.checkpointer, steps, tested))
        tests = set(self.cfg.DATASETS.TESTS)
        if tests and tests <= set(self.cfg.DATASETS.NAMES) and comm.is_main_process():
            host.insert(evaluation + 3, BestCheckpointer(self.checkpointer))
        if self.cfg.MODEL.DCAC.TELEMETRY and isinstance(self.model, DCAC):
            measured = self._condition_value(tested) if comm.is_main_process() else []
            host[evaluation + 2 : evaluation + 2] = [*measured, WaitForAll()]  # behind the checkpoint of the epoch
        return ours + [EpochProgress()] + host

    def _count_steps(self) -> None:
        """Replaces fast-reid's count, images // batch in every epoch, before hooks and writers ask for it."""
        sampler, epochs = self.data_loader.batch_sampler.sampler, self.cfg.SOLVER.MAX_EPOCH
        self.epoch_steps = EpochSteps.of_sampler(
            sampler, batch=self.cfg.SOLVER.IMS_PER_BATCH, otherwise=self.iters_per_epoch
        )
        self.max_iter = self.epoch_steps.before(epochs)
        if not self.epoch_steps.alike:
            steps = self.epoch_steps.described(epochs)
            logger.info(
                f"Epochs of {min(steps)} to {max(steps)} steps, {self.max_iter} in all, as the sampler draws them"
            )

    def _telemetry_sampler(self) -> TelemetrySampler:
        period, heads = self.cfg.MODEL.DCAC.TELEMETRY, self.model.heads
        if not isinstance(self.model, DCAC):
            return TelemetrySampler(StepTelemetry(self.model.backbone, heads), period, self.start_of_encoder)
        logger.info(
            f"Telemetry every {period} steps; telemetry/condition_entropy of equally likely identities would be "
            f"{math.log(len(heads.weight)):.3f} nats"
        )
        parts = self.model.backbone, heads, self.model.conditioner, self.model.feedback
        return TelemetrySampler(StepTelemetry(*parts), period, self.start_of_encoder)

    def _condition_value(self, tested: TestedWeights) -> list[ConditionValue]:
        """The hook that measures it, in a list; none where it cannot be measured, which is logged."""
        held_out = data.held_out(self.cfg, IDENTITIES)
        if reason := why_no_condition_value(self.model, held_out):
            logger.info(f"MODEL.DCAC.TELEMETRY: telemetry/condition_value is not measured: {reason}")
            return []
        period, autocast = self.cfg.TEST.EVAL_PERIOD, autocast_dtype(self.cfg)
        return [ConditionValue(self.model, tested, held_out, self._mean_latents, period, autocast)]

    def _mean_latents(self, paths: Sequence[str]) -> torch.Tensor:
        """z_0 of images, the mean of the posterior of which training takes samples."""
        latents, encoder, _ = self._latents(paths)
        return encoder.scaling_factor * latents.lookup(paths).chunk(2, dim=1)[0]

    def _fill_latent_cache(self) -> None:
        with one_before_the_others():
            latents, encoder, encoded = self._latents([item[0] for item in self.data_loader.dataset.img_items])
        logger.info(
            f"Latents of {len(self.data_loader.dataset)} training images at hand, {encoded} of them computed now"
        )
        self.model.feedback.connect_latents(latents.lookup, encoder.scaling_factor)

    def _latents(self, paths: Sequence[str]) -> tuple[LatentCache, stable_diffusion.StableDiffusionEncoder, int]:
        """A cache that knows these images, the encoder that made it, and how many of them it has encoded now."""
        cfg = data.with_local_weights(self.cfg)
        encoder = stable_diffusion.load_encoder(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        latents = LatentCache(data.cache_folder() / "latents", data.data_root(cfg.DATASETS.ROOT))
        encoded = latents.fill(
            paths,
            encoder,
            size=cfg.MODEL.DCAC.DIFFUSION.SIZE,
            device=self.model.device,
            batch_size=cfg.TEST.IMS_PER_BATCH,
            num_workers=cfg.DATALOADER.NUM_WORKERS,
            views=data.diffusion_views(cfg),
        )
        return latents, encoder, encoded


def _with_seed(cfg):
    if cfg.SEED >= 0:
        return cfg
    return changed(cfg, ["SEED", comm.shared_random_seed()])
