"""The batches of one process are dealt out, augmented as they are there (checks 7 and 10 of DISTRIBUTED.md)."""

import pytest
import torch

from dcac_fastreid.data.checks.check_batches import SAMPLERS


def joined(of_processes: list[list]) -> list[tuple[list[str], torch.Tensor]]:
    """Global batches, of what each process has drawn."""
    batches = []
    for parts in zip(*of_processes, strict=True):
        paths, images = zip(*parts, strict=True)
        batches.append((sum(paths, []), torch.cat(images)))
    return batches


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_rows_of_all_processes_are_the_batches_of_one(runs, sampler):
    together = joined([of_process[sampler] for of_process in runs.two])
    for (paths, images), (of_one, images_of_one) in zip(together, runs.one[sampler], strict=True):
        assert paths == of_one and torch.equal(images, images_of_one)


@pytest.mark.slow
def test_a_sampler_of_its_own_in_every_process_is_seen(slow_runs):
    together = joined([of_process["sampler"] for of_process in slow_runs.two])
    assert [paths for paths, _ in together] != [paths for paths, _ in slow_runs.one["NaiveIdentitySampler"]]


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_pass_that_is_dealt_out_by_batches_comes_together_in_order(runs, batches):
    for of_process in runs.two:
        assert torch.equal(of_process[f"pass of {batches}"], torch.arange(4 * batches - 1))
