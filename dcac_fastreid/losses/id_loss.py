"""ID loss, Eq. 5: cross-entropy with label smoothing."""

import torch.nn.functional as F

from dcac_fastreid.losses.registry import LOSS_REGISTRY


@LOSS_REGISTRY.register()
def IDLoss(cfg):
    """Eq. 5 with ε = MODEL.LOSSES.CE.EPSILON: q_j = (1 - ε) [j = y] + ε / N.

    fast-reid's CrossEntropyLoss gives ε / (N - 1) to the other identities.
    """
    epsilon = cfg.MODEL.LOSSES.CE.EPSILON

    def loss(outputs, targets, prototypes):
        return {"loss_cls": F.cross_entropy(outputs["cls_outputs"], targets, label_smoothing=epsilon)}

    return loss
