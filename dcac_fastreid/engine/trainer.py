"""DCACTrainer: fast-reid's DefaultTrainer with what DCAC needs before training, before an epoch, and at the end."""

import logging

import torch

from dcac_fastreid import data
from dcac_fastreid.checkpoint import StrictCheckpointer
from dcac_fastreid.dcac import DCAC, attach_training_side
from dcac_fastreid.diffusion import LatentCache, stable_diffusion
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.engine.hooks import (
    BeforeTrain,
    BestCheckpointer,
    EpochProgress,
    LastEpochCheckpointer,
    PrototypeReset,
)
from dcac_fastreid.engine.schedule import EPOCH_SCHEDULE, build_epoch_schedule
from dcac_fastreid.engine.settings import PRECISIONS, check_settings
from dcac_fastreid.reid import PrototypicalBaseline
from fastreid.engine import DefaultTrainer, hooks
from fastreid.utils import comm
from fastreid.utils.env import seed_all_rng

logger = logging.getLogger("fastreid.dcac")


class DCACTrainer(DefaultTrainer):
    """Trains DCAC, its baseline, or any fast-reid architecture.

    Raises:
        InputError: a setting that cannot work, before anything is built.
    """

    def __init__(self, cfg):
        check_settings(cfg, training=True, processes=comm.get_world_size())
        cfg = _with_seed(cfg)
        seed_all_rng(cfg.SEED)
        logger.info(f"Seed {cfg.SEED}, data sets from {data.use_data_root(cfg)}")
        super().__init__(cfg)
        if cfg.SOLVER.AMP.ENABLED:
            self._trainer.set_dtype(PRECISIONS[cfg.SOLVER.AMP.DTYPE])

    def train(self):
        """Trains to the last epoch; returns the evaluation of the last epoch. A finished run is evaluated only."""
        if self.start_epoch >= self.max_epoch:
            logger.info(f"All {self.max_epoch} epochs are done; evaluating the last checkpoint")
            return self.test(self.cfg, self.model)
        if self.start_epoch:  # fast-reid has begun the stream at epoch 0, before it knew of the checkpoint
            self.data_loader.batch_sampler.sampler.start_epoch = self.start_epoch
            self._trainer._data_loader_iter = iter(self.data_loader)
        try:
            return super().train()
        finally:
            # Ends the loader's workers now: where the garbage collector ends them, it waits five seconds for each.
            self._trainer._data_loader_iter = None

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
        model = super().build_model(cfg)
        if isinstance(model, DCAC):
            # Forked: the baseline and DCAC of one seed see the same augmentation.
            with torch.random.fork_rng(devices=[]):
                attach_training_side(model, cfg, stable_diffusion.load_denoiser(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS))
        return model

    @classmethod
    def build_lr_scheduler(cls, cfg, optimizer, iters_per_epoch):
        if cfg.SOLVER.SCHED == EPOCH_SCHEDULE:
            return build_epoch_schedule(cfg, optimizer)
        return super().build_lr_scheduler(cfg, optimizer, iters_per_epoch)

    def build_hooks(self):
        # The last thing that fast-reid's __init__ does; from here on, hooks and resume_or_load use this checkpointer.
        self.checkpointer = StrictCheckpointer(
            self.model,
            self.cfg.OUTPUT_DIR,
            save_to_disk=comm.is_main_process(),
            optimizer=self.optimizer,
            **self.scheduler,
        )
        ours = []
        if isinstance(self.model, DCAC):
            ours.append(BeforeTrain(self._fill_latent_cache))
        if isinstance(self.model, PrototypicalBaseline):
            plain_loader = data.build_plain_train_loader(self.cfg, self.data_loader.dataset)
            ours.append(PrototypeReset(self.model, plain_loader))
        host = [hook for hook in super().build_hooks() if not isinstance(hook, hooks.PeriodicCheckpointer)]
        evaluation = next(index for index, hook in enumerate(host) if isinstance(hook, hooks.EvalHook))
        host.insert(evaluation, LastEpochCheckpointer(self.checkpointer, self.cfg.SOLVER.CHECKPOINT_PERIOD))
        tests = set(self.cfg.DATASETS.TESTS)
        if tests and tests <= set(self.cfg.DATASETS.NAMES):
            host.insert(evaluation + 2, BestCheckpointer(self.checkpointer))
        return ours + host + [EpochProgress()]

    def _fill_latent_cache(self) -> None:
        cfg = data.with_local_weights(self.cfg)
        encoder = stable_diffusion.load_encoder(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        latents = LatentCache(data.cache_folder() / "latents", data.data_root(cfg.DATASETS.ROOT))
        encoded = latents.fill(
            [item[0] for item in self.data_loader.dataset.img_items],
            encoder,
            size=cfg.MODEL.DCAC.DIFFUSION.SIZE,
            device=self.model.device,
            batch_size=cfg.TEST.IMS_PER_BATCH,
            num_workers=cfg.DATALOADER.NUM_WORKERS,
        )
        logger.info(
            f"Latents of {len(self.data_loader.dataset)} training images at hand, {encoded} of them computed now"
        )
        self.model.feedback.connect_latents(latents.lookup, encoder.scaling_factor)


def _with_seed(cfg):
    if cfg.SEED >= 0:
        return cfg
    return changed(cfg, ["SEED", comm.shared_random_seed()])
