"""Whose condition does an image denoise, MODEL.DCAC.CONDITIONER.VIEW? B batch."""

import torch
from torch import Tensor

VIEWS = ("same", "identity", "camera")


def other_views(identities: Tensor, files: Tensor, draws: Tensor, cameras: Tensor | None = None) -> Tensor:
    """For each image of a batch another one of its identity: (B,) int64, a random permutation.

    So each condition is used exactly once, and none by an image of another identity. An image gets, where cameras are given
    and the batch has several of its identity, one by another camera. Where one camera took more than half of the identity's
    images no permutation gives that to all of them, and the rest get another file by their own camera. Without cameras, or
    with one alone, it gets another file. The sampler may have drawn a file twice: where one fills more than half of the
    identity's images, the rest of them get it again. An image gets itself where the batch has no other one of the identity.

    The images of an identity stand in a circle, group by group (a group: those of one camera, or of one file), those of one
    file beside each other. Each takes the one that stands as many places before it as the largest group has images, which is
    outside of its own group; where that group has more than half of them, the one that stands half a circle before it, which is
    outside of the group as often as can be, and otherwise far from the copies of the same file.

    Asks the device for no number, so that no step waits and a CUDA graph can record it.

    Args:
        identities: (B,). cameras: (B,), or None, where they have no say.
        files: (B, P), anything that is equal for images of the same file, whose augmentation may differ.
        draws: (B,), random numbers, from which the order in each circle follows.
    """
    places = torch.arange(len(draws), device=draws.device)
    rank = torch.empty_like(places).scatter_(0, draws.argsort(), places)  # unlike draws, no two are equal
    same_identity = identities[:, None] == identities
    count = same_identity.sum(1)
    same_group = same_file = same_identity & (files[:, None] == files).all(2)
    if cameras is not None:
        same_camera = same_identity & (cameras[:, None] == cameras)
        several_cameras = same_camera.sum(1) < count
        same_group = torch.where(several_cameras[:, None], same_camera, same_group)
    group_rank, file_rank = (
        torch.where(same, rank, len(draws)).amin(1) for same in (same_group, same_group & same_file)
    )
    order = (group_rank * len(draws) + file_rank) * len(draws) + rank
    place = (same_identity & (order < order[:, None])).sum(1)  # in the circle
    largest = torch.where(same_identity, same_group.sum(1), 0).amax(1)
    shift = torch.minimum(largest, count // 2)
    wanted = (place - shift) % count
    return (same_identity & (place == wanted[:, None])).to(torch.uint8).argmax(1)
