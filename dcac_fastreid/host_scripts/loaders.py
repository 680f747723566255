"""Loaders that a script builds from its config: fast-reid's, below DATASETS.ROOT, in DATALOADER.NUM_WORKERS processes."""

import sys
from collections.abc import Iterable

from dcac_fastreid import data
from dcac_fastreid.data.checks.check_batches import check_batch
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.registered import is_of_a_script, told_in_a_sentence
from fastreid.config import CfgNode
from fastreid.data import build
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.utils import comm

host_build_train_loader, host_build_test_loader = build.build_reid_train_loader, build.build_reid_test_loader


def build_reid_train_loader(*args, **kwargs):
    """fast-reid's, from a config or from a data set.

    Raises:
        InputError: from a config, a data set that cannot be read; from a config alone, a sampler setting with which
            fast-reid would loop for ever.
    """
    cfg = _config(args, kwargs)
    if cfg is None:
        return host_build_train_loader(*args, **kwargs)
    check_datasets(cfg, cfg.DATASETS.NAMES if kwargs.get("train_set") is None else ())
    own = kwargs.get("train_set") is not None or kwargs.get("sampler") is not None
    if not own:
        data.check_sampler(cfg, comm.get_world_size())
        if cfg.DATALOADER.SAMPLER_TRAIN == "RandomIdentitySampler":
            raise InputError(
                "DATALOADER.SAMPLER_TRAIN is RandomIdentitySampler, which the loader of this script does not know; train "
                "with dcac-fastreid train, or set NaiveIdentitySampler"
            )
    kwargs.setdefault("transforms", data.train_transforms(cfg))
    made = build._train_loader_from_config(*args, **kwargs)
    if not own:
        check_batch(cfg, made["train_set"].img_items)
    return host_build_train_loader(**made)


def build_reid_test_loader(*args, **kwargs):
    """fast-reid's, from a config or from a data set: the loader and the number of query images.

    Raises: InputError: from a config, a data set that cannot be read.
    """
    cfg = _config(args, kwargs)
    if cfg is None:
        return host_build_test_loader(*args, **kwargs)
    use_data_root(cfg)
    if kwargs.get("test_set") is None:
        check_test_set(cfg, kwargs.get("dataset_name"))
    num_workers = kwargs.pop("num_workers", cfg.DATALOADER.NUM_WORKERS)
    kwargs.setdefault("transforms", data.test_transforms(cfg))
    return host_build_test_loader(**build._test_loader_from_config(*args, **kwargs), num_workers=num_workers)


def check_datasets(cfg, names: Iterable[str]) -> None:
    """Makes fast-reid read below DATASETS.ROOT.

    Raises: InputError: one of the data sets cannot be read there.
    """
    root = use_data_root(cfg)
    with told_in_a_sentence():
        for name in names:
            read_dataset(name, root)


def check_test_set(cfg, name: str) -> None:
    """As check_datasets; a set of the script is left to itself, as it need not know the options that training sets have.

    Raises: InputError: nobody has registered it, or it cannot be read.
    """
    with told_in_a_sentence():
        dataset = DATASET_REGISTRY.get(name)
    check_datasets(cfg, () if is_of_a_script(dataset) else [name])


def use_data_root(cfg) -> str:
    """Makes fast-reid read below DATASETS.ROOT, and the modules that have taken the name of its folder from it."""
    before = build._root
    root = data.use_data_root(cfg)
    for module in [*sys.modules.values()]:
        if getattr(module, "__dict__", {}).get("_root") == before:
            module._root = root
    return root


def _config(args: tuple, kwargs: dict) -> CfgNode | None:
    first = args[0] if args else kwargs.get("cfg")
    return first if isinstance(first, CfgNode) else None
