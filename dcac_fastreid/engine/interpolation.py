"""At the end of a training: the encoder between the one that the run began with and the trained one."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from dcac_fastreid.checkpoint.interpolation import check_same_architecture, described, interpolate

# What SOLVER.INTERPOLATE.CHOOSE chooses from; 1 is the trained encoder.
GRID = (0.3, 0.5, 0.7, 0.85, 1.0)
logger = logging.getLogger("fastreid.dcac")


class Interpolation:
    """Changes a model's encoder in place, and estimates the BNNeck's statistics again for it; all else stays as trained.

    Args:
        start: the encoder's state dict before the training.
        alphas: one, or those to choose from, in [0, 1].
        estimate: sets the BNNeck's statistics of a model.
        score: of a model, by which the best alpha is chosen; of equal ones the largest. None where there is one alpha.
    """

    def __init__(
        self,
        start: Mapping[str, Tensor],
        alphas: Sequence[float],
        estimate: Callable[[nn.Module], None],
        score: Callable[[nn.Module], float] | None = None,
    ):
        self._start, self._alphas = start, sorted(alphas)
        self._estimate, self._score = estimate, score

    def apply(self, model: nn.Module) -> dict[str, Any]:
        """Returns: what a checkpoint tells of it, see checkpoint.interpolation.described."""
        end = {name: weight.detach().clone() for name, weight in model.backbone.state_dict().items()}
        check_same_architecture(self._start, end, ("the start", "the trained model"))
        validation, alpha = None, self._alphas[-1]
        if self._score:
            validation = {f"{alpha:g}": self._score_at(model, end, alpha) for alpha in self._alphas}
            alpha = max(self._alphas, key=lambda alpha: (validation[f"{alpha:g}"], alpha))
            scores = ", ".join(f"{name}: {score:.2f}" for name, score in validation.items())
            logger.info(f"mAP on validation identities of the source by alpha: {scores}")
        self._put(model, end, alpha)
        logger.info(
            f"The encoder is the start + {alpha:g} (trained - start); tests and the last checkpoint have this one"
        )
        return described(alpha, self._start, end, validation)

    def _score_at(self, model: nn.Module, end: Mapping[str, Tensor], alpha: float) -> float:
        self._put(model, end, alpha)
        return self._score(model)

    def _put(self, model: nn.Module, end: Mapping[str, Tensor], alpha: float) -> None:
        model.backbone.load_state_dict(interpolate(self._start, end, alpha))
        self._estimate(model)
