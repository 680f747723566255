import pytest
import torch
import torch.nn.functional as F

from dcac_fastreid.losses import PrototypeMemory


def plain_loop_update(prototypes, features, targets, momentum):
    """Eq. 7 as it is written: for each identity of the batch, its sample with the lowest cosine, the first of equals."""
    prototypes = prototypes.clone()
    for identity in targets.unique():
        hardest, lowest = None, float("inf")
        for feature, target in zip(features, targets, strict=True):
            if target == identity:
                unit = F.normalize(feature, dim=0)
                cosine = float((unit * prototypes[identity]).sum())
                if cosine < lowest:
                    hardest, lowest = unit, cosine
        moved = momentum * prototypes[identity] + (1 - momentum) * hardest
        prototypes[identity] = F.normalize(moved, dim=0)
    return prototypes


def filled_memory(num_classes=5, feature_dim=4, momentum=0.2, seed=0):
    memory = PrototypeMemory(num_classes, feature_dim, momentum)
    torch.manual_seed(seed)
    memory.reset(torch.randn(3 * num_classes, feature_dim), torch.arange(3 * num_classes) % num_classes)
    return memory


@pytest.mark.parametrize("seed", range(20))
def test_update_agrees_with_the_equation(seed):
    memory = filled_memory(seed=seed)
    targets = torch.randint(0, 5, (7,))  # uneven counts, some identities absent
    features = torch.randn(7, 4)
    expected = plain_loop_update(memory.prototypes, features, targets, 0.2)
    memory.update(features, targets)
    torch.testing.assert_close(memory.prototypes, expected, rtol=0, atol=1e-6)


def test_of_equally_hard_samples_the_first_counts():
    memory = PrototypeMemory(1, 2, momentum=0.0)
    memory.reset(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    memory.update(torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, -3.0]]), torch.tensor([0, 0, 0]))  # cosines 1, 0, 0
    assert memory.prototypes.tolist() == [[0.0, 1.0]]


def test_update_keeps_absent_identities_and_unit_length():
    memory = filled_memory()
    before = memory.prototypes.clone()
    memory.update(torch.randn(2, 4), torch.tensor([1, 3]))
    assert torch.equal(memory.prototypes[[0, 2, 4]], before[[0, 2, 4]])
    assert not torch.equal(memory.prototypes[[1, 3]], before[[1, 3]])
    torch.testing.assert_close(memory.prototypes.norm(dim=1), torch.ones(5))


def test_momentum_is_the_share_of_the_old_prototype():
    memory = filled_memory(momentum=1.0)
    before = memory.prototypes.clone()
    memory.update(torch.randn(5, 4), torch.arange(5))
    torch.testing.assert_close(memory.prototypes, before)


def test_reset_gives_normalised_means_of_normalised_features():
    memory = PrototypeMemory(2, 2, momentum=0.2)
    memory.reset(torch.tensor([[10.0, 0.0], [0.0, 1.0], [0.0, -5.0]]), torch.tensor([0, 0, 1]))
    half = 0.5**0.5
    torch.testing.assert_close(memory.prototypes, torch.tensor([[half, half], [0.0, -1.0]]))


def test_reset_needs_every_identity():
    with pytest.raises(ValueError, match="3 identities need an image each, 2 have one"):
        PrototypeMemory(3, 2, 0.2).reset(torch.randn(2, 2), torch.tensor([0, 2]))


def test_unfilled_prototypes_are_not_read():
    with pytest.raises(RuntimeError, match="dcac-fastreid train"):
        PrototypeMemory(3, 2, 0.2).read()


def test_a_loaded_memory_is_filled():
    fresh = PrototypeMemory(5, 4, 0.2)
    fresh.load_state_dict(filled_memory().state_dict())
    assert torch.equal(fresh.read(), filled_memory().prototypes)


def test_prototypes_that_a_checkpoint_does_not_hold_are_not_filled():
    """As when fast-reid's Checkpointer leaves out what has another shape: another number of identities."""
    state = filled_memory().state_dict()
    state.pop("prototypes")
    fresh = PrototypeMemory(7, 4, 0.2)
    fresh.load_state_dict(state, strict=False)
    with pytest.raises(RuntimeError, match="never filled"):
        fresh.read()


def test_half_precision_features_are_accepted():
    memory = filled_memory()
    memory.update(torch.randn(3, 4).bfloat16(), torch.tensor([0, 1, 1]))
    assert memory.prototypes.dtype == torch.float32
