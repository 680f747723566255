"""The exponential moving average of a model's encoder and head, over the steps of a training."""

from collections.abc import Mapping

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dcac_fastreid.errors import InputError


class WeightAverage:
    """average <- decay average + (1 - decay) weights after every step; after the first one, the weights themselves.

    Running statistics are averaged too; the BNNeck's are estimated again before anybody reads them (engine/bnneck.py). Buffers
    that hold -inf, as attention masks do, are those of the training.
    A checkpointable of fast-reid's Checkpointer.

    Args:
        parts: modules by name, as they train; copied, on their device.
        decay: in [0, 1).
    Attributes:
        parts: the same modules with the averaged weights.
    """

    def __init__(self, parts: nn.ModuleDict, decay: float):
        self._trained = parts
        self._averaged = AveragedModel(parts, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        self._averaged.requires_grad_(False)
        self.parts: nn.ModuleDict = self._averaged.module
        pairs = zip(self.parts.buffers(), parts.buffers(), strict=True)
        self._masks = [(averaged, trained) for averaged, trained in pairs if trained.isinf().any()]

    def update(self) -> None:
        self._averaged.update_parameters(self._trained)
        for averaged, trained in self._masks:
            averaged.copy_(trained)  # the mean of two -inf would be NaN

    def state_dict(self) -> dict:
        return self._averaged.state_dict()

    def check(self, state: Mapping | None) -> None:
        """Raises InputError: none, or one of other weights; of a malformed one, whatever comes."""
        if state is None:
            raise InputError("it has no average of the weights, which SOLVER.EMA.EPOCHS asks for")
        ours = self._averaged.state_dict()
        wrong = sorted(state.keys() ^ ours.keys())
        wrong += [name for name in ours if name in state and state[name].shape != ours[name].shape]
        if wrong:
            raise InputError(
                f"its average of the weights is that of another model, they differ in {', '.join(wrong[:3])}"
            )
        if any(state[name].dtype != ours[name].dtype for name in ours):
            raise TypeError("numbers of another type")

    def load_state_dict(self, state: Mapping) -> None:
        self._averaged.load_state_dict(state)


def decay_of(epochs: float, steps: int) -> float:
    """The decay of an average over the last `epochs`, of so many steps each: its weights are 1 / (1 - decay) steps old in the mean.

    Args: epochs: above 0.
    """
    return max(0.0, 1 - 1 / (epochs * steps))


def parts_of(model: nn.Module) -> nn.ModuleDict:
    """The modules that a test computes with, by their names in the model: fast-reid's `backbone` and `heads`."""
    return nn.ModuleDict({"backbone": model.backbone, "heads": model.heads})


def put_parts(model: nn.Module, parts: nn.ModuleDict) -> None:
    """The counterpart of `parts_of`: the model has these modules from now on; an optimizer still knows those before."""
    for name, module in parts.items():
        setattr(model, name, module)
