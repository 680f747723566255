import pytest

from dcac_fastreid.synthetic.parts import cached_part


@pytest.fixture(scope="session")
def sd_folder(cache_folder):
    """A small Stable Diffusion folder in diffusers' layout."""
    return cached_part(cache_folder, "stable-diffusion")
