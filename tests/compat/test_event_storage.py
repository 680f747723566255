"""Numbers of a step stay tensors until somebody reads them."""

import pytest
import torch

from dcac_fastreid.compat.event_storage import LIMIT
from fastreid.utils.events import EventStorage


def test_a_tensor_is_read_with_the_value_and_the_step_of_its_moment():
    with EventStorage(7) as storage:
        value = torch.tensor([1.5])
        storage.put_scalar("accuracy", value)
        value.fill_(9)  # a GPU's graph writes the same memory at every step
        storage.iter = 8
        storage.put_scalar("accuracy", torch.tensor(2.5, dtype=torch.float64))
        storage.put_scalar("lr", 0.1, smoothing_hint=False)
        assert [name for name, _ in storage.waiting()] == ["accuracy", "accuracy", "lr"]
        assert storage.latest() == {"accuracy": (2.5, 8), "lr": (0.1, 8)}
        assert storage.history("accuracy").values() == [(1.5, 7), (2.5, 8)]
        assert storage.waiting() == [] and storage.iter == 8


def test_numbers_and_tensors_of_a_name_keep_their_order_and_prefix():
    with EventStorage(0) as storage:
        with storage.name_scope("target"):
            for value in (torch.tensor(1.0), 2.0, torch.tensor(3.0)):
                storage.put_scalar("mAP", value)
        with storage.name_scope("other"):  # that of reading is of no account
            assert [value for value, _ in storage.history("target/mAP").values()] == [1, 2, 3]
            storage.put_scalar("mAP", 4.0)
        assert set(storage.histories()) == {"target/mAP", "other/mAP"}


def test_tensors_of_several_devices_may_wait():
    """A resumed run may have its learning rate on the CPU; `meta` has no numbers, so the reading is all that is asked."""
    with EventStorage(0) as storage:
        storage.put_scalar("lr", torch.tensor(0.5))
        storage.put_scalar("loss", torch.empty((), device="meta"))
        with pytest.raises(NotImplementedError, match="meta"):
            storage.latest()


@pytest.mark.parametrize("read", ["latest", "histories", "latest_with_smoothing_hint", "smoothing_hints"])
def test_every_way_of_reading_sees_what_waits(read):
    with EventStorage(0) as storage:
        storage.put_scalar("loss", torch.tensor(3.0))
        assert "loss" in getattr(storage, read)()


def test_a_loss_that_is_nan_is_an_error_when_it_is_read():
    with EventStorage(4) as storage:
        storage.put_scalar("total_loss", torch.tensor(float("nan")))
        storage.put_scalar("loss_pcl", torch.tensor(float("inf")))
        storage.iter = 5
        with pytest.raises(FloatingPointError, match="the losses of step 4 are total_loss nan, loss_pcl inf"):
            storage.latest()


def test_not_more_than_the_limit_wait():
    with EventStorage(0) as storage:
        for _ in range(LIMIT - 1):
            storage.put_scalar("loss", torch.tensor(1.0))
        assert len(storage.waiting()) == LIMIT - 1
        storage.put_scalar("loss", torch.tensor(1.0))
        assert storage.waiting() == []
