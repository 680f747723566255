import io

import numpy as np
import pytest
from PIL import Image

from dcac_fastreid.analysis import embedding
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError

NAMES = ("DG_Market1501", "DG_DukeMTMC")


def test_a_sample_has_whole_identities_of_every_domain(tiny_data):
    sample = embedding.take_sample(NAMES, str(tiny_data), images=20, seed=0)
    assert len(sample.paths) == len(set(sample.paths)) < 40
    for domain, name in enumerate(NAMES):
        dataset = read_dataset(name, str(tiny_data))
        chosen = set(sample.people[sample.domains == domain])
        assert chosen and chosen <= {person for _, person, _ in dataset.query}
        expected = {path for path, person, _ in (*dataset.query, *dataset.gallery) if person in chosen}
        assert {path for path, at in zip(sample.paths, sample.domains, strict=True) if at == domain} == expected
    again, other = (embedding.take_sample(NAMES, str(tiny_data), 20, seed) for seed in (0, 1))
    assert again.paths == sample.paths != other.paths


def test_the_map_keeps_groups_together():
    generator = np.random.default_rng(0)
    centres = np.eye(3, 8)
    groups = np.repeat(np.arange(3), 10)
    points = embedding.plane((centres[groups] + 0.02 * generator.normal(size=(30, 8))).astype(np.float32), seed=0)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).all()


def test_few_images_have_a_map(dcac_run):
    (image,) = embedding.sections(dcac_run, datasets=["DG_Market1501"], images=10)
    assert "test images of Market1501" in image.caption or "test images of DG_Market1501" in image.caption
    (again,) = embedding.sections(dcac_run, datasets=["DG_Market1501"], images=10)
    assert again.png == image.png


def test_the_panels_are_as_wide_as_each_other_whatever_their_legends():
    sample = embedding.Sample(
        ["DG_Market1501", "DG_CUHK03NPLabeled"], [""] * 30, np.arange(30) % 2, np.arange(30) // 4, np.arange(30) % 15
    )
    whole, panels = embedding._draw(sample, np.random.default_rng(0).normal(size=(30, 2)))
    pixels = np.array(Image.open(io.BytesIO(whole)))
    dark = (pixels[..., :3].mean(axis=2) < 200).mean(axis=0) > 0.6  # the panels' sides
    sides = [column for column in np.flatnonzero(dark) if not dark[column - 1]]
    widths = np.diff(sides)[::2]
    assert len(sides) == 6 and widths.max() - widths.min() <= 1 and widths.min() > pixels.shape[1] / 3.3
    assert [Image.open(io.BytesIO(panel)).width for panel in panels] == [pixels.shape[1] // 3] * 3


@pytest.mark.parametrize("images", [0, 7])
def test_too_few_images_are_one_sentence(dcac_run, images):
    with pytest.raises(InputError, match=f"of {images} images shows nothing; expected 8 or more"):
        embedding.sections(dcac_run, images=images)


def test_every_domain_has_an_identity_however_few_images_are_asked_for(tiny_data):
    names = ["DG_Market1501", "DG_DukeMTMC"] * 5
    assert set(embedding.take_sample(names, str(tiny_data), images=8, seed=0).domains) == set(range(10))


def test_a_data_set_that_is_not_known_is_one_sentence(dcac_run):
    with pytest.raises(InputError, match="DATASETS.TESTS holds 'Nowhere'; known are"):
        embedding.sections(dcac_run, datasets=["Nowhere"])


def test_the_neighbours_are_counted():
    sample = embedding.Sample(
        ["A", "B"], ["path"] * 4, np.array([0, 0, 1, 1]), np.array([1, 1, 1, 2]), np.array([0, 1, 0, 0])
    )
    features = np.array([[1.0, 0.0], [0.99, 0.1], [0.1, 0.99], [0.0, 1.0]], dtype=np.float32)
    text = embedding._neighbours(sample, features)
    assert "same person for 50.0% of the images, by the same camera for 50.0%, of the same domain for 100.0%" in text
