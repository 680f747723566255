"""Whose condition an image denoises: within identities, never itself where another exists, by another camera where it can be."""

import pytest
import torch

from dcac_fastreid.diffusion.views import other_views

B = 24
IDENTITIES = torch.tensor([0, 1, 2, 3] * 5 + [4, 5, 5, 6])  # five images each of 0 to 3, one of 4 and of 6, two of 5
OWN_FILES = torch.arange(B)[:, None]


def draws(seed=0, count=B):
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def of_one_identity(cameras, files=None, seed=0):
    """The cameras, and the images, that images of one identity get."""
    count = len(cameras)
    files = torch.arange(count) if files is None else torch.tensor(files)
    cameras = torch.tensor(cameras)
    others = other_views(torch.zeros(count), files[:, None], draws(seed, count), cameras)
    assert sorted(others.tolist()) == list(range(count))
    return cameras[others].tolist(), files[others].tolist(), others.tolist()


@pytest.mark.parametrize("cameras", [None, torch.arange(B) % 3], ids=["identity", "camera"])
def test_it_is_a_permutation_within_identities_and_never_itself_where_another_exists(cameras):
    alone = torch.tensor([(IDENTITIES == identity).sum() == 1 for identity in IDENTITIES])
    for seed in range(50):
        others = other_views(IDENTITIES, OWN_FILES, draws(seed), cameras)
        assert torch.equal(others.sort().values, torch.arange(B))
        assert torch.equal(IDENTITIES[others], IDENTITIES)
        assert torch.equal(others == torch.arange(B), alone)


def test_every_other_image_of_the_identity_comes_about_equally_often():
    found = torch.stack([other_views(IDENTITIES, OWN_FILES, draws(seed)) for seed in range(2000)])
    counts = found[:, 0].bincount(minlength=B)[[4, 8, 12, 16]]
    assert counts.sum() == 2000 and (counts - 500).abs().max() < 80


def test_it_follows_from_the_draws():
    one, same, another = (other_views(IDENTITIES, OWN_FILES, draws(seed)) for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, another)
    assert other_views(IDENTITIES, OWN_FILES, torch.zeros(B)).sort().values.tolist() == list(range(B)), "equal draws"


@pytest.mark.parametrize("cameras", [[0, 1], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 2, 3, 3], [5, 5, 5, 2, 2, 9]])
def test_every_image_gets_another_camera_where_none_took_more_than_half(cameras):
    for seed in range(20):
        got, _, _ = of_one_identity(cameras, seed=seed)
        assert all(other != own for other, own in zip(got, cameras, strict=True))


@pytest.mark.parametrize(("cameras", "across"), [([0, 0, 0, 1], 2), ([0, 1, 0, 0, 0, 2], 4), ([7, 7, 7, 7], 0)])
def test_else_as_many_as_can_be_and_the_others_get_another_image(cameras, across):
    for seed in range(20):
        got, _, others = of_one_identity(cameras, seed=seed)
        assert sum(other != own for other, own in zip(got, cameras, strict=True)) == across
        assert all(other != own for own, other in enumerate(others))


def test_an_image_that_was_drawn_twice_is_no_other_one():
    """A sampler fills up the images of an identity that has too few."""
    for seed in range(20):
        _, files, _ = of_one_identity([0, 0, 0, 0], files=[8, 8, 9, 9], seed=seed)
        assert files == [9, 9, 8, 8]


@pytest.mark.parametrize(
    ("cameras", "files"),
    [
        ([0, 0, 0, 1], [8, 8, 9, 7]),
        ([0, 0, 0, 0, 1], [8, 8, 9, 9, 7]),
        ([0, 0, 0, 0, 0, 0, 1, 2], [7, 7, 7, 8, 8, 9, 1, 2]),
        ([0, 0, 0, 0, 0, 0, 1, 1], [7, 7, 7, 7, 8, 8, 1, 1]),
        ([0, 0, 0, 0, 0], [6, 6, 7, 8, 8]),
    ],
)
def test_within_the_commonest_camera_as_well(cameras, files):
    """Copies of one image, half of the identity's images at most, do not get each other; nor does another camera get less."""
    across = 2 * min(cameras.count(0), len(cameras) - cameras.count(0))
    for seed in range(100):
        got, got_images, _ = of_one_identity(cameras, files, seed)
        assert all(other != own for other, own in zip(got_images, files, strict=True))
        assert sum((other == 0) != (own == 0) for other, own in zip(got, cameras, strict=True)) == across


@pytest.mark.parametrize("files", [[8, 8, 8, 9], [8, 8, 8], [8, 8, 8, 8, 9, 7]])
def test_copies_of_the_commonest_image_get_each_other_as_rarely_as_can_be(files):
    copies, count = files.count(8), len(files)
    for seed in range(20):
        _, got, _ = of_one_identity([0] * count, files, seed)
        assert sum(other == own for other, own in zip(got, files, strict=True)) == 2 * copies - count


def test_of_a_lone_image_it_is_itself():
    assert other_views(torch.tensor([3]), OWN_FILES[:1], draws(count=1), torch.tensor([0])).tolist() == [0]
