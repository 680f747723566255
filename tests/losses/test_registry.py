import pytest
import torch

from dcac_fastreid.errors import InputError
from dcac_fastreid.losses import build_losses, check_losses


def test_label_smoothing_is_spread_over_all_identities(make_cfg):
    """Eq. 5 with q_j = (1 - eps) [j = y] + eps / N; fast-reid's own loss gives eps / (N - 1) to the others."""
    torch.manual_seed(0)
    logits, targets = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0, 1])
    q = torch.full((6, 4), 0.1 / 4, dtype=torch.float64)
    q[range(6), targets] += 0.9
    expected = -(q * logits.log_softmax(1)).sum(1).mean()
    id_loss = build_losses(make_cfg())[0]
    torch.testing.assert_close(id_loss({"cls_outputs": logits}, targets, None)["loss_cls"], expected)


def test_unknown_names_are_refused_with_the_known_ones(make_cfg):
    with pytest.raises(ValueError, match="'TripletLos'.*IDLoss.*TripletLoss"):
        build_losses(make_cfg("ma_ms.yml", "MODEL.LOSSES.NAME", "('IDLoss', 'TripletLos')"))


def test_two_losses_of_one_name_are_refused(make_cfg):
    with pytest.raises(ValueError, match="keep one"):
        build_losses(make_cfg("ma_ms.yml", "MODEL.LOSSES.NAME", "('IDLoss', 'CrossEntropyLoss')"))


@pytest.mark.parametrize(
    ("architecture", "names", "message"),
    [
        ("Baseline", ("IDLoss",), "'IDLoss'; losses of Baseline are CrossEntropyLoss, TripletLoss"),
        ("MGN", ("CircleLoss",), "'CircleLoss'; losses of MGN are CrossEntropyLoss, TripletLoss$"),
        ("Baseline", (), "is empty"),
    ],
)
def test_a_name_that_an_architecture_would_pass_over_is_refused(architecture, names, message):
    """fast-reid ignores it; with no other name, 'int' object has no attribute 'backward'."""
    with pytest.raises(InputError, match=message):
        check_losses(names, architecture)


def test_dcac_may_have_the_feedback_alone():
    check_losses((), "DCAC")
