"""A small synthetic data set of all domains."""

import pytest

from dcac_fastreid.synthetic.data_set import make_data_set
from dcac_fastreid.synthetic.domains import Counts


@pytest.fixture(scope="session")
def small_counts():
    return Counts(train_ids=5, train_images=6, test_ids=4, queries=2, gallery=5, validation_ids=2, validation_images=3)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory, small_counts):
    """The data root of seed 3."""
    root = tmp_path_factory.mktemp("small")
    make_data_set(root, seed=3, counts=small_counts, workers=1)
    return root
