"""Images of identities of its own sources that a training does not learn from, for telemetry."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dcac_fastreid.data.checks.corrupt import unreadable_images
from dcac_fastreid.data.loading.transforms import test_transforms
from dcac_fastreid.data.locations import data_root
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.validation import own_validation, query_and_gallery
from dcac_fastreid.names import shown
from fastreid.data.build import fast_batch_collator
from fastreid.data.common import CommDataset

logger = logging.getLogger("fastreid.dcac")
Item = tuple[str, int, int]  # path, identity, camera


class HeldOut(NamedTuple):
    """Two images of each identity, one behind the other: paths (2 M), images (2 M, 3, H, W) as a test loader gives them."""

    paths: list[str]
    images: Tensor


def held_out(cfg, identities: int) -> HeldOut | None:
    """Of as many of these identities as asked for, or of all, where there are fewer; always the same ones.

    Of a source that has a part `validation`, as synthetic ones have, its validation identities; else its test identities, unless
    the training has them: under DATASETS.COMBINEALL. None where there are not two of both. Under
    DATALOADER.SKIP_CORRUPT those of whom an image cannot be read are left out, which is logged.

    Raises: InputError: a data set that is not complete.
    """
    root, pairs = data_root(cfg.DATASETS.ROOT), []
    for name in cfg.DATASETS.NAMES:
        dataset = read_dataset(name, root)
        if own := own_validation(dataset):
            pairs += _pairs(*query_and_gallery(own))
        elif not cfg.DATASETS.COMBINEALL:
            pairs += _pairs(dataset.query, dataset.gallery)
    chosen = [pairs[index] for index in np.random.default_rng(0).permutation(len(pairs))[:identities]]
    if cfg.DATALOADER.SKIP_CORRUPT:
        chosen = _readable(chosen)
    if len(chosen) < 2:
        return None
    items = [item for pair in chosen for item in pair]
    tested = CommDataset(items, test_transforms(cfg), relabel=False)
    batch = fast_batch_collator([tested[index] for index in range(len(tested))])
    return HeldOut([path for path, _, _ in items], torch.as_tensor(batch["images"]))


def _readable(pairs: Sequence[tuple[Item, Item]]) -> list[tuple[Item, Item]]:
    corrupt = unreadable_images([path for pair in pairs for path, _, _ in pair], "held-out images")
    if corrupt:
        logger.warning(f"Held-out identities with images that cannot be read are left out: {shown(corrupt)}")
    return [pair for pair in pairs if not {path for path, _, _ in pair} & set(corrupt)]


def _pairs(query: Sequence[Item], gallery: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Each query identity's first query and the gallery image of it that comes first, by another camera where there is one."""
    of_identity: dict[int, list[Item]] = {}
    for item in gallery:
        of_identity.setdefault(item[1], []).append(item)
    firsts = {identity: (path, identity, camera) for path, identity, camera in reversed(query)}
    return [
        (first, min(of_identity[identity], key=lambda item: item[2] == first[2]))
        for identity, first in sorted(firsts.items())
        if identity in of_identity
    ]
