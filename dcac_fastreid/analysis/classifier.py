"""What does a run's classifier say to its training images? M images, N identities, D feature width."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dcac_fastreid.analysis.run import Run, TrainingImage
from dcac_fastreid.conditioners import CONDITIONER_REGISTRY, CorrelationAwareConditioner
from dcac_fastreid.dcac import class_logits
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import check_weights, read_tensor_file


class Classified(NamedTuple):
    """features (M, D) after the BNNeck and logits (M, N), fp32, on the run's device."""

    features: Tensor
    logits: Tensor


@torch.no_grad()
def classify(run: Run, images: Sequence[TrainingImage]) -> Classified:
    """In evaluation mode and without augmentation: the same image always gets the same answer."""
    features = run.features([image.path for image in images]).to(run.model.device)
    return Classified(features, class_logits(run.model.heads, features))


def mixes_prompts(run: Run) -> bool:
    """Whether probabilities weigh ID prompts in the run's condition; not in a baseline, nor in the instance-wise scheme."""
    scheme = CONDITIONER_REGISTRY.get(run.cfg.MODEL.DCAC.CONDITIONER.NAME)
    return run.cfg.MODEL.META_ARCHITECTURE == "DCAC" and hasattr(scheme, "probabilities")


def condition_probabilities(run: Run, classified: Classified) -> Tensor:
    """p of Eq. 12, (M, N), from the source and at the temperature of the run's config; from the classifier where they mix no
    prompts."""
    settings = run.cfg.MODEL.DCAC.CONDITIONER
    source = settings.PROBS if mixes_prompts(run) else "classifier"
    prototypes = classified.features.new_empty(0)
    if source != "classifier":
        prototypes = _prototypes(run).to(classified.features)
    scheme = CorrelationAwareConditioner(
        num_classes=run.num_classes,
        condition_dim=1,
        temperature=settings.TAU,
        source=source,
        prototype_temperature=run.cfg.MODEL.LOSSES.PCL.TAU,
    )
    return scheme.probabilities(features=classified.features, logits=classified.logits, prototypes=prototypes)


def _prototypes(run: Run) -> Tensor:
    """(N, D) of the checkpoint, which the model without its training side does not take."""
    name = "memory.prototypes"
    weights = read_tensor_file(run.checkpoint, only=(name,)).get("model")
    if not isinstance(weights, Mapping) or name not in weights:
        raise InputError(f"{run.checkpoint} holds no prototypes ({name}); take a checkpoint of a training")
    check_weights({name: weights[name]}, None, run.checkpoint)
    return weights[name]


def mean_by_identity(probabilities: Tensor, labels: Sequence[int]) -> Tensor:
    """(N, N): in row a, the mean probabilities of the images with label a; rows of labels without images are 0.

    Args:
        probabilities: (M, N). labels: M of them.
    """
    num_classes = probabilities.shape[1]
    labels = torch.tensor(labels, device=probabilities.device)
    sums = probabilities.new_zeros(num_classes, num_classes).index_add_(0, labels, probabilities)
    return sums / torch.bincount(labels, minlength=num_classes).clamp(min=1)[:, None]


def most_correlated(mean_probabilities: Tensor, label: int, number: int) -> list[tuple[int, float]]:
    """The `number` other identities that the images of one resemble most, with their probabilities, the highest first.

    Args:
        mean_probabilities: (N, N), see mean_by_identity.
    """
    row = mean_probabilities[label].clone()
    row[label] = -1.0
    values, labels = row.topk(min(number, len(row) - 1))
    return list(zip(labels.tolist(), values.tolist(), strict=True))
