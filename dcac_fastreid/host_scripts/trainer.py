"""The trainer that a script finds under the name of fast-reid's DefaultTrainer."""

from contextlib import suppress

from dcac_fastreid.engine import DCACTrainer
from dcac_fastreid.engine.run_folder import take
from dcac_fastreid.host_scripts.loaders import build_reid_test_loader, check_test_set, use_data_root
from dcac_fastreid.host_scripts.registered import is_of_a_script
from dcac_fastreid.reid import PrototypicalBaseline
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.engine import DefaultTrainer
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY


class ScriptTrainer(DCACTrainer):
    """DCACTrainer, and where a script trains an architecture of its own, fast-reid's trainer.

    Such a script (attributes, faces) brings losses and data sets of its own too, which are no person Re-ID's, and at which
    the checks of DCACTrainer would stop.
    """

    making = False  # while an instance is made

    def __init__(self, cfg):
        ScriptTrainer.making = True
        try:
            use_data_root(cfg)
            self._run_folder = take(cfg.OUTPUT_DIR)
            _trainer(cfg).__init__(self, cfg)
        finally:
            ScriptTrainer.making = False

    def build_hooks(self):
        return _trainer(self.cfg).build_hooks(self)

    def resume_or_load(self, resume: bool = True):
        return _trainer(self.cfg).resume_or_load(self, resume)

    def train(self):
        trainer = _trainer(self.cfg)
        if trainer is DCACTrainer and not hasattr(self.data_loader.batch_sampler.sampler, "begin_at"):
            # Of a loader that the script makes: it draws on from anywhere, as fast-reid's own do.
            self.data_loader.batch_sampler.sampler.begin_at = lambda epoch, done: None
        if trainer is DCACTrainer:
            return trainer.train(self)
        with self._run_folder:
            return trainer.train(self)

    def run_step(self):
        _trainer(self.cfg).run_step(self)

    @classmethod
    def build_test_loader(cls, cfg, dataset_name: str):
        check_test_set(cfg, dataset_name)
        if is_of_a_script(DATASET_REGISTRY.get(dataset_name)):
            # The script's evaluator may need no second camera, or no gallery.
            return build_reid_test_loader(cfg, dataset_name=dataset_name)
        return super().build_test_loader(cfg, dataset_name)

    @classmethod
    def test(cls, cfg, model):
        use_data_root(cfg)
        return super().test(cfg, model)

    @classmethod
    def build_model(cls, cfg):
        """With its training side for an instance; a script that asks the class itself wants to test."""
        return super().build_model(cfg) if ScriptTrainer.making else DefaultTrainer.build_model(cfg)


def _trainer(cfg) -> type[DefaultTrainer]:
    with suppress(KeyError):  # a name that nobody has registered: DCACTrainer says so
        architecture = META_ARCH_REGISTRY.get(cfg.MODEL.META_ARCHITECTURE)
        if is_of_a_script(architecture) and not issubclass(architecture, PrototypicalBaseline):
            return DefaultTrainer
    return DCACTrainer
