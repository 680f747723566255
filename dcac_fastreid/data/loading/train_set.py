"""The training images, with an augmentation that follows from seed, epoch and place in the epoch."""

from dcac_fastreid.data.loading.seeded import seeded
from fastreid.data.common import CommDataset


class TrainSet(CommDataset):
    """fast-reid's data set for batches of an EpochSampler: the same batch whatever loaded before it, in whatever process.

    So a run does not depend on DATALOADER.NUM_WORKERS, and a resumed one goes on in the middle of an epoch.
    """

    def __getitems__(self, drawn: list[tuple[int, int]]) -> list[dict]:
        """The images of a batch, (index, seed) each; PyTorch's loader calls it instead of one __getitem__ for each."""
        with seeded(drawn[0][1]):
            return [self[index] for index, _ in drawn]
