"""What this package reads, as data sets of fast-reid."""

from dcac_fastreid.data.readers.read_dataset import READERS, read_with
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset


class _OfReader(ImageDataset):
    """One of READERS in fast-reid's form; COMBINEALL, transforms and summaries are fast-reid's."""

    reader: type

    def __init__(self, root="datasets", verbose=True, **kwargs):
        read = read_with(self.reader, root, verbose=verbose)
        self.validation = read.validation
        super().__init__(read.train, read.query, read.gallery, verbose=verbose, **kwargs)


for name, reader in READERS.items():
    of_reader = {"reader": reader, "_junk_pids": reader._junk_pids, "dataset_name": reader.dataset_name}
    DATASET_REGISTRY.register(
        type(name, (_OfReader,), {**of_reader, "__doc__": reader.__doc__, "__module__": __name__})
    )
