"""Weights between two encoders."""

import pytest
import torch

from dcac_fastreid.checkpoint.interpolation import check_same_architecture, described, interpolate, weights_hash
from dcac_fastreid.errors import InputError

START = {"w": torch.tensor([1.0, -2.0]), "count": torch.tensor(3)}
END = {"w": torch.tensor([3.0, 2.0]), "count": torch.tensor(9)}


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, [1.0, -2.0]), (0.25, [1.5, -1.0]), (1.0, [3.0, 2.0])])
def test_a_hand_worked_case(alpha, expected):
    between = interpolate(START, END, alpha)
    assert between["w"].tolist() == expected
    assert between["count"] == 9  # whole numbers are the end's


def test_both_ends_are_exact_and_copies():
    generator = torch.Generator().manual_seed(0)
    start, end = ({"w": torch.randn(1000, generator=generator)} for _ in range(2))
    assert torch.equal(interpolate(start, end, 0)["w"], start["w"])
    between = interpolate(start, end, 1)["w"]
    assert torch.equal(between, end["w"]) and between.data_ptr() != end["w"].data_ptr()


def test_an_attention_mask_stays_as_it_is():
    mask = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])
    assert torch.equal(interpolate({"mask": mask}, {"mask": mask}, 0.7)["mask"], mask)


@pytest.mark.parametrize("other", [{"v": torch.zeros(2), "count": torch.tensor(1)}, {**END, "w": torch.zeros(3)}])
def test_other_names_or_shapes_are_refused(other):
    with pytest.raises(InputError, match="the encoders of one and two are of different architectures, they differ in"):
        check_same_architecture(START, other, ("one", "two"))


def test_a_hash_tells_names_types_shapes_and_numbers():
    same = {name: START[name].clone() for name in reversed(START)}
    assert weights_hash(same) == weights_hash(START)
    others = [
        {"w": torch.tensor([1.0, -2.0001]), "count": torch.tensor(3)},
        {"v": START["w"], "count": START["count"]},
        {**START, "w": START["w"].double()},
        {**START, "w": START["w"][None]},
    ]
    assert len({weights_hash(weights) for weights in [START, *others]}) == 5


@pytest.mark.parametrize("name", ["tower.positional_embedding", "pos_embed"])
def test_a_hash_leaves_out_the_numbers_of_resized_positions_alone(name):
    """Pre-trained ones are resized, with other last bits on another CPU; a run is resumed there all the same."""
    positions = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    begun, elsewhere = ({**START, name: tensor} for tensor in (positions, positions.nextafter(positions + 1)))
    assert weights_hash(begun) == weights_hash(elsewhere)
    others = [START, {**START, name: positions[1:]}, {**begun, "w": END["w"]}]
    assert len({weights_hash(weights) for weights in [begun, *others]}) == 4


def test_a_description_names_alpha_and_both_ends():
    assert described(0.7, START, END) == {"alpha": 0.7, "start": weights_hash(START), "end": weights_hash(END)}
    assert described(0.7, START, END, {"0.7": 50.0})["validation"] == {"0.7": 50.0}
