"""The optimizer of a script with a training loop of its own."""

import pytest
import torch
from torch import nn

from dcac_fastreid.errors import InputError
from dcac_fastreid.host_scripts.config import default_config
from dcac_fastreid.host_scripts.solver import build_optimizer
from dcac_fastreid.reid import PrototypicalBaseline


def test_it_is_an_optimizer_and_the_pair_that_fast_reid_returns():
    weights = nn.Linear(3, 2)
    cfg = default_config()
    optimizer = build_optimizer(cfg, weights)
    alone, groups = optimizer
    assert alone is optimizer and isinstance(optimizer, torch.optim.Adam)
    assert [group["params"][0] for group in groups] == list(weights.parameters())


def test_an_empty_weight_is_a_lack_of_classes_only_where_none_are_counted():
    """fast-reid's project for faces has a weight that is filled at every step."""
    module = nn.Module()
    module.sub_weight = nn.Parameter(torch.empty(0, 0))
    cfg = default_config()
    cfg.MODEL.HEADS.NUM_CLASSES = 5
    assert build_optimizer(cfg, module).param_groups


def test_prototypes_are_seen_behind_the_wrapper_of_several_processes():
    wrapped = nn.Module()
    wrapped.module = PrototypicalBaseline.__new__(PrototypicalBaseline)
    nn.Module.__init__(wrapped.module)
    with pytest.raises(InputError, match="loop of its own"):
        build_optimizer(default_config(), wrapped)
