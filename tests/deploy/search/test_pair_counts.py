import numpy as np

from dcac_fastreid.deploy.search import pair_counts
from dcac_fastreid.deploy.search.pair_counts import STEPS, count_pairs, halves_of, lowest_step, share_from, step_of


def test_pairs_are_counted_as_in_a_plain_loop(monkeypatch):
    monkeypatch.setattr(pair_counts, "BLOCK", 4)
    generator = np.random.default_rng(0)
    features = generator.normal(size=(11, 3)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    identities, places = generator.integers(0, 4, 11), generator.integers(0, 2, 11)
    halves = identities % 2
    genuine, impostor = np.zeros((2, STEPS), int), np.zeros((3, STEPS), int)
    nearest = np.zeros(11, int)
    for i in range(11):
        for j in range(i + 1, 11):
            step = step_of(features[i] @ features[j])
            if identities[i] != identities[j]:
                impostor[halves[i] if halves[i] == halves[j] else 2, step] += 1
                nearest[i], nearest[j] = max(nearest[i], step), max(nearest[j], step)
            elif places[i] != places[j]:
                genuine[halves[i], step] += 1
    counts = count_pairs(features, identities, places, halves)
    assert genuine.sum() > 2 and (impostor.sum(axis=1) > 2).all()
    # A product of a block may differ from that of two rows in its last bit, and so lie in the step beside.
    for found, expected in ((counts.genuine, genuine), (counts.impostor, impostor)):
        assert np.abs(found.cumsum(axis=1) - expected.cumsum(axis=1)).sum() <= 5 and found.sum() == expected.sum()
    assert np.abs(counts.nearest_stranger - nearest).max() <= 1


def test_each_half_has_whole_people_and_as_many_with_a_pair():
    identities = np.array([5, 5, 6, 6, 7, 8, 8, 9, 9, 4])
    places = np.array([0, 1, 0, 1, 0, 0, 1, 0, 1, 0])
    halves = halves_of(identities, places)
    of_person = {person: set(halves[identities == person]) for person in identities}
    assert all(len(half) == 1 for half in of_person.values())
    assert sum(of_person[person] == {0} for person in (5, 6, 8, 9)) == 2


def test_the_lowest_step_keeps_the_rate_and_the_one_below_does_not():
    counts = np.random.default_rng(0).integers(0, 5, STEPS)
    for rate in (0.5, 0.01, 0.0003):
        step = lowest_step(counts, rate)
        assert share_from(counts, step) <= rate < share_from(counts, step - 1)


def test_where_no_step_keeps_the_rate_it_is_behind_the_last():
    counts = np.zeros(STEPS, int)
    counts[-1] = 10
    assert lowest_step(counts, 0.01) == STEPS and share_from(counts, STEPS) == 0


def test_every_similarity_has_a_step():
    assert step_of(np.array([-1.0, 0.0, 1.0, 1.0000001])).tolist() == [0, STEPS // 2, STEPS - 1, STEPS - 1]
