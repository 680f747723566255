"""The BNNeck's running statistics, estimated again for an encoder that was not trained step by step."""

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dcac_fastreid.distributed.shares import in_order


def neck_of(heads: nn.Module) -> _BatchNorm | None:
    """The normalisation layer of fast-reid's EmbeddingHead that keeps running statistics; None of a head without one."""
    necks = [layer for layer in heads.bottleneck if isinstance(layer, _BatchNorm) and layer.running_mean is not None]
    return necks[0] if necks else None


@torch.no_grad()
def estimate_statistics(model: nn.Module, loader: Iterable[Mapping]) -> None:
    """Sets the running mean and variance to those of what enters the BNNeck, over all images of a loader; in place.

    In evaluation mode and fp32, as the tests compute. The variance is the unbiased one, as PyTorch's running variance.
    Which modules are in training mode stays as it was. Without a BNNeck nothing is read.

    Args:
        model: with fast-reid's `backbone` and `heads`.
        loader: a finite pass over training images that are not augmented; of several processes, its own batches of it.
    """
    neck = neck_of(model.heads)
    if neck is None:
        return
    entering = []
    handle = neck.register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0].float()))
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        for batch in loader:
            model({"images": batch["images"].to(neck.running_mean.device)})
    finally:
        handle.remove()
        for module in training:  # one by one: frozen layers stay as they are
            module.training = True
    variance, mean = torch.var_mean(in_order(entering), dim=(0, 2, 3))
    neck.running_mean.copy_(mean)
    neck.running_var.copy_(variance)
