import numpy as np
import pytest
import torch
from torch.nn import functional

from dcac_fastreid.deploy.export.scores import mean_ap, mean_of_others

# Four directions in the plane, in degrees: by cosine, the nearest of each are those of the nearest angles.
FEATURES = torch.tensor([[np.cos(a), np.sin(a)] for a in np.deg2rad([0, 10, 25, 60])]).float()


def test_mean_ap_by_hand():
    """People 0, 1, 0, 1, each photo by another camera."""
    people, cameras = np.array([0, 1, 0, 1]), np.arange(4)
    # 0: nearest 1, then 2 (match): 1/2. 1: 0, 2, 3 (match): 1/3. 2: 1, 0 (match): 1/2. 3: 2, 1 (match): 1/2.
    expected = 100 * (1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 4
    assert mean_ap(FEATURES, people, cameras) == pytest.approx(expected)
    assert mean_ap(FEATURES, people, np.full(4, -1)) == pytest.approx(expected), "a photo does not find itself"
    same = np.array([0, 1, 0, 2])
    assert mean_ap(FEATURES, people, same) == pytest.approx(100 * (1 / 3 + 1 / 2) / 2), "by one camera: left out"


def test_the_mean_cosine_of_others_leaves_out_the_photo_itself():
    features = functional.normalize(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    others = ~torch.eye(5, dtype=torch.bool)
    assert mean_of_others(features) == pytest.approx((features @ features.T)[others].mean().item(), abs=1e-6)
