"""The host, patched before any test module imports it, and its own distances."""

import dcac_fastreid  # noqa: F401

# isort: split

import pytest

from dcac_fastreid.compat.distances import host_euclidean_distance
from fastreid.utils.compute_dist import compute_cosine_distance


@pytest.fixture
def host_distances():
    """Functions of query and gallery features, without our patches, by TEST.METRIC."""
    return {"cosine": compute_cosine_distance, "euclidean": host_euclidean_distance}
