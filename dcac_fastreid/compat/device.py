"""A trainer's device is that of MODEL.DEVICE, for all that PyTorch and fast-reid's loaders do."""

from dcac_fastreid.distributed.device import take_device
from fastreid.engine import defaults

host_init = defaults.DefaultTrainer.__init__
host_test = defaults.DefaultTrainer.test.__func__


def init(self, cfg):
    take_device(cfg.MODEL.DEVICE)
    host_init(self, cfg)


def test(cls, cfg, model):
    take_device(cfg.MODEL.DEVICE)
    return host_test(cls, cfg, model)


def follow_the_config() -> None:
    """fastreid/engine/defaults.py:190 (DefaultTrainer.__init__) and :418 (test) move the model, and CUDA's current device stays.

    Any PyTorch. MODEL.DEVICE cuda:1: streams, events and pinned memory are those of the first GPU. MODEL.DEVICE cpu on a
    machine with a GPU: loaders bring batches there (data/build.py:88), and the losses meet tensors of two devices.
    """
    defaults.DefaultTrainer.__init__ = init
    defaults.DefaultTrainer.test = classmethod(test)
