"""Whose condition does an image denoise, MODEL.DCAC.CONDITIONER.VIEW? B batch."""

import torch
from torch import Tensor

VIEWS = ("same", "identity", "camera")


def other_views(identities: Tensor, pictures: Tensor, draws: Tensor, cameras: Tensor | None = None) -> Tensor:
    """For each image of a batch another one of its identity: (B,) int64, a random permutation.

    So each condition is used exactly once, and none by an image of another identity. An image gets, where cameras are given
    and the batch has several of its identity, one by another camera. Where one camera took more than half of the identity's
    images no permutation gives that to all of them, and the rest get another image by their own camera. Without cameras, or
    with one alone, it gets another picture; the sampler may have drawn one twice, and then the same holds for pictures. It
    gets itself where the batch has no other image of the identity.

    The images of an identity stand in a circle, group by group (a group: those of one camera, or of one picture), and each
    takes the one that stands as many places before it as the largest group has images: that is outside of its own group.

    Asks the device for no number, so that no step waits and a CUDA graph can record it.

    Args:
        identities: (B,). cameras: (B,), or None, where they have no say.
        pictures: (B, P), anything that is equal for images of the same file, whose augmentation may differ.
        draws: (B,), random numbers, from which the order in each circle follows.
    """
    places = torch.arange(len(draws), device=draws.device)
    rank = torch.empty_like(places).scatter_(0, draws.argsort(), places)  # unlike draws, no two are equal
    same_identity = identities[:, None] == identities
    images = same_identity.sum(1)
    same_group = same_identity & (pictures[:, None] == pictures).all(2)
    if cameras is not None:
        same_camera = same_identity & (cameras[:, None] == cameras)
        several_cameras = same_camera.sum(1) < images
        same_group = torch.where(several_cameras[:, None], same_camera, same_group)
    group_rank = torch.where(same_group, rank, len(draws)).amin(1)
    order = group_rank * len(draws) + rank
    place = (same_identity & (order < order[:, None])).sum(1)  # in the circle
    largest = torch.where(same_identity, same_group.sum(1), 0).amax(1)
    shift = torch.where(largest < images, largest, 1)
    wanted = (place - shift) % images
    return (same_identity & (place == wanted[:, None])).to(torch.uint8).argmax(1)
