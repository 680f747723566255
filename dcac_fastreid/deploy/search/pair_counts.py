"""How alike are two images of one person, and of two? Counted over all pairs, by similarity. n images, D feature width.

Counted in small steps, all else, threshold, probability and errors, follows from a few thousand numbers, whatever the
number of pairs: 16,000 images have 128 million.
"""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

STEPS = 20_000  # of 0.0001, from -1 to 1
CENTERS = (np.arange(STEPS) + 0.5) * 2 / STEPS - 1
BLOCK = 256  # images at a time, against all
BETWEEN = 2


@dataclass(frozen=True)
class PairCounts:
    """Numbers of pairs by step of their similarity, for two halves of the people.

    genuine: (2, STEPS), pairs of one person at two places, in each half.
    impostor: (3, STEPS), pairs of two people, both of the first half, of the second, one of each.
    nearest_stranger: (n,), for each image the step of the image of another person that is most similar to it.
    """

    genuine: np.ndarray
    impostor: np.ndarray
    nearest_stranger: np.ndarray


def halves_of(identities: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(n,), 0 or 1: the half of each image's person. Each half gets as many people with a genuine pair."""
    pairs = {person: len(np.unique(places[identities == person])) > 1 for person in np.unique(identities)}
    ordered = sorted(pairs, key=lambda person: not pairs[person])  # stable: by number among equals
    half = {person: place % 2 for place, person in enumerate(ordered)}
    return np.array([half[person] for person in identities])


def count_pairs(features: np.ndarray, identities: np.ndarray, places: np.ndarray, halves: np.ndarray) -> PairCounts:
    """Counts every pair once. Pairs of one person at one place are left out; pairs of two people all count.

    Args: features: (n, D), rows of length 1. identities, places, halves: (n,); a person is in one half.
    """
    counts = np.zeros((2 + 3) * STEPS, dtype=np.int64)
    nearest = np.zeros(len(features), dtype=np.int64)
    for begin in tqdm(range(0, len(features), BLOCK), desc="pairs", unit="block", disable=None, leave=False):
        rows, columns = slice(begin, begin + BLOCK), slice(begin, None)
        same = identities[rows, None] == identities[None, columns]
        later = np.triu(np.ones(same.shape, dtype=bool), k=1)
        counted = later & (~same | (places[rows, None] != places[None, columns]))
        half = np.where(halves[rows, None] == halves[None, columns], halves[None, columns], BETWEEN)
        step = step_of(features[rows] @ features[columns].T)
        kind = np.where(same, half, 2 + half)
        counts += np.bincount((kind * STEPS + step)[counted], minlength=len(counts))
        of_stranger = np.where(same, 0, step)
        nearest[rows] = np.maximum(nearest[rows], of_stranger.max(axis=1))
        nearest[columns] = np.maximum(nearest[columns], of_stranger.max(axis=0))
    counts = counts.reshape(2 + 3, STEPS)
    return PairCounts(counts[:2], counts[2:], nearest)


def step_of(similarity: np.ndarray) -> np.ndarray:
    """The step in which a similarity lies."""
    return np.clip((similarity + 1) * (STEPS / 2), 0, STEPS - 1).astype(np.int64)


def lowest_step(impostor: np.ndarray, rate: float) -> int:
    """The first step from which on there is at most this share of the pairs; STEPS, behind the last, where no other is."""
    from_here_on = np.append(impostor[::-1].cumsum()[::-1], 0)
    return int(np.argmax(from_here_on <= rate * impostor.sum()))


def share_from(counts: np.ndarray, step: int) -> float:
    """The share of the pairs in this step or above."""
    return float(counts[step:].sum() / counts.sum())
