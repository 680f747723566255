"""The files that fast-reid's backbones read: RegNet's and EfficientNet's settings, pretrained weights."""

import functools
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from yacs.config import CfgNode

import fastreid
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_weights, read_tensor_file
from fastreid.modeling import backbones
from fastreid.modeling.backbones.regnet import config

# Those whose init_pretrained_weights imports gdown.
NAMED = ("model", "state_dict", "model_state")  # entries under which a file may have its weights
WITH_GDOWN = ("resnet", "resnext", "osnet", "regnet.regnet", "regnet.effnet")


class HostConfig(CfgNode):
    """The settings of RegNet and EfficientNet: the host's defaults, and one file of the host's package."""

    def merge_from_file(self, cfg_filename: str) -> None:
        self.merge_from_other_cfg(config.cfg)  # else what this file does not name stays as an earlier one set it
        super().merge_from_file(str(Path(fastreid.__file__).parents[1] / cfg_filename))


def find_settings() -> None:
    """fastreid/modeling/backbones/regnet/regnet.py:568 and effnet.py:253 open `fastreid/modeling/...yaml`.

    Any version. Relative to the working directory: FileNotFoundError, but in the root of fast-reid's repository. And all
    files go into one global object: a RegNetX that is built after a RegNetY gets its squeeze-and-excitation layers.
    """
    regnet, effnet = (import_module(f"fastreid.modeling.backbones.regnet.{name}") for name in ("regnet", "effnet"))
    if not isinstance(regnet.regnet_cfg, HostConfig):
        regnet.regnet_cfg = effnet.effnet_cfg = HostConfig(config.cfg)


def _with_explanation(host_function):
    @functools.wraps(host_function)
    def init_pretrained_weights(*args, **kwargs):
        try:
            return host_function(*args, **kwargs)
        except ImportError as error:
            if error.name != "gdown":
                raise
            raise ImportError(
                "fast-reid fetches this backbone's ImageNet weights with gdown, which is not installed: run "
                "`pip install gdown`, or set MODEL.BACKBONE.PRETRAIN_PATH to a file, or MODEL.BACKBONE.PRETRAIN False",
                name="gdown",
            ) from None

    return init_pretrained_weights


def explain_missing_gdown() -> None:
    """fastreid/modeling/backbones/resnet.py:248 imports gdown, which fast-reid does not install; likewise four others.

    Any version, MODEL.BACKBONE.PRETRAIN True without PRETRAIN_PATH: ModuleNotFoundError: No module named 'gdown', even
    where the weights are in the cache already.
    """
    for name in WITH_GDOWN:
        module = import_module(f"fastreid.modeling.backbones.{name}")
        if not hasattr(module.init_pretrained_weights, "__wrapped__"):
            module.init_pretrained_weights = _with_explanation(module.init_pretrained_weights)


class _TorchThatReadsData(ModuleType):
    """torch, but `load` is that of tensor_files."""

    def __getattr__(self, name: str):
        return getattr(torch, name)

    @staticmethod
    def load(file, map_location=None) -> dict:
        """On the CPU, whatever map_location says: the host copies the tensors into its model."""
        content = dict(read_tensor_file(file))
        weights = next((content[name] for name in NAMED if isinstance(content.get(name), Mapping)), content)
        if not all(isinstance(name, str) for name in weights):
            raise InputError(f"{file} cannot be used as weights, as some of them have no names; get the file again")
        check_weights({name: weight for name, weight in weights.items() if torch.is_tensor(weight)}, None, file)
        return content


def read_weights_as_data() -> None:
    """fastreid/modeling/backbones/resnet.py:339 reads MODEL.BACKBONE.PRETRAIN_PATH by torch.load; likewise eight others.

    Any version. Damage goes unnoticed, a small file may fill the memory, NaN is taken; and before PyTorch 2.6 a pickle is run.
    """
    for found in pkgutil.walk_packages(backbones.__path__, f"{backbones.__name__}."):
        module = import_module(found.name)
        if getattr(module, "torch", None) is torch:
            module.torch = _TorchThatReadsData("torch")
