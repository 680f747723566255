"""What does each branch pull at, and do they pull together? B batch, N identities, D feature width.

The diffusion loss reaches the Re-ID model by the conditioner's inputs alone: the features (B, D) after the BNNeck and the
classifier's logits (B, N). So the conditioner gets its own view of both, and what comes back there is the diffusion
branch's gradient, λ included; what comes back at the features besides is the Re-ID losses'. A view adds no number to a sum
of gradients and changes the order of none: the training stays the same to the bit. (Two products with the classifier's
weight, one for each branch, would not.)
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class GradientSplit:
    """The gradients of one step's backward pass, by branch.

    Args:
        outputs: of fast-reid's head; "features", (B, D) or (B, D, 1, 1), are those that the conditioner reads.
        weight: (N, D), the classifier's.
        complete: called in the backward pass, when the gradient at the features is complete.
    """

    def __init__(self, outputs: Mapping[str, Tensor], weight: nn.Parameter, complete: Callable[[], None]):
        self._features, self._logits = outputs["features"], outputs["pred_class_logits"]
        self._scores = outputs["cls_outputs"]  # the logits that the ID loss reads, with its margin
        self._weight = weight
        self._complete = complete
        self._inside = False
        self._has_branch = False
        self._total: Tensor | None = None
        self._of_diffusion: list[Tensor] = []
        self._classifier_of: dict[str, Tensor] = {}
        self._handles = [
            self._features.register_hook(self._at_features),
            self._scores.register_hook(self._at_scores),
        ]

    def branch(self, features: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The conditioner's own views of both."""
        self._has_branch = True
        features, logits = features.view_as(features), logits.view_as(logits)
        self._handles += [
            features.register_hook(self._of_diffusion.append),
            logits.register_hook(self._at_logits),
        ]
        return features, logits

    def numbers(self, loss_scale: Tensor | None = None) -> dict[str, Tensor]:
        """Norms over the whole batch at the features, λ included; and the classifier's.

        Args:
            loss_scale: by which mixed precision has multiplied the loss; taken out again.
        Returns:
            reid_gradient, diffusion_gradient: their norms at the features.
            gradient_ratio: the second by the first; NaN without Re-ID gradient, as where MODEL.LOSSES.NAME is empty.
            gradient_cosine: of the two; 0 where one of them is 0.
            classifier_share: |g_d| / (|g_r| + |g_d|) of the classifier's weight, 0 where the condition does not read it.
            Without a diffusion branch reid_gradient alone.
        """
        total = self._total.flatten(1).float()
        gradients = [gradient.flatten(1).float() for gradient in self._of_diffusion]
        diffusion = sum(gradients, torch.zeros_like(total))
        reid = total - diffusion
        norm_reid, norm_diffusion = reid.norm(), diffusion.norm()
        scale = 1 if loss_scale is None else loss_scale
        numbers = {"reid_gradient": norm_reid / scale}
        if self._has_branch:
            least = torch.finfo(total.dtype).tiny
            numbers["diffusion_gradient"] = norm_diffusion / scale
            ratio = norm_diffusion / norm_reid.clamp_min(least)
            numbers["gradient_ratio"] = torch.where(norm_reid > 0, ratio, torch.nan)
            # by unit vectors: the product of two small norms is 0
            cosine = (reid / norm_reid.clamp_min(least) * (diffusion / norm_diffusion.clamp_min(least))).sum()
            numbers["gradient_cosine"] = cosine
            at_classifier = {name: gradient.float().norm() for name, gradient in self._classifier_of.items()}
            of_diffusion = at_classifier.get("diffusion", torch.zeros_like(norm_reid))
            both = of_diffusion + at_classifier.get("reid", torch.zeros_like(norm_reid))
            numbers["classifier_share"] = of_diffusion / both.clamp_min(least)
        return numbers

    def remove(self) -> None:
        """Takes the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _at_logits(self, gradient: Tensor) -> None:
        at_features, self._classifier_of["diffusion"] = self._through_classifier(self._logits, gradient)
        self._of_diffusion.append(at_features)

    def _at_scores(self, gradient: Tensor) -> None:
        if not self._inside:
            _, self._classifier_of["reid"] = self._through_classifier(self._scores, gradient)

    def _at_features(self, gradient: Tensor) -> None:
        if not self._inside:
            self._total = gradient
            self._complete()
            self._of_diffusion.clear()  # under MODEL.DCAC.BALANCE other passes come first; the last one is the training's

    def _through_classifier(self, outputs: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """What a gradient at the classifier's outputs gives at the features and at the weight: the classifier's backward pass."""
        self._inside = True  # it comes by the hooks too
        try:
            return torch.autograd.grad(outputs, (self._features, self._weight), gradient, retain_graph=True)
        finally:
            self._inside = False
