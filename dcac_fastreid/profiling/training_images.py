"""Which images does a training of a config read?"""

from dataclasses import dataclass

from dcac_fastreid import data
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.validation import training_items


@dataclass(frozen=True)
class TrainingImages:
    """Paths by the name of the data set.

    Attributes:
        train: of the sources. tested: query and gallery of DATASETS.TESTS.
        identities: N of the training set.
    """

    train: dict[str, list[str]]
    tested: dict[str, list[str]]
    identities: int

    @property
    def number(self) -> int:
        """Of the training images."""
        return sum(map(len, self.train.values()))


def training_images(cfg) -> TrainingImages:
    """Reads names and lists, and opens no image; the data sets are there. Raises: InputError: as `read_dataset`."""
    root = data.data_root(cfg.DATASETS.ROOT)
    sources = {name: read_dataset(name, root, combineall=cfg.DATASETS.COMBINEALL) for name in cfg.DATASETS.NAMES}
    items = {name: training_items(cfg, source) for name, source in sources.items()}
    tested = {name: read_dataset(name, root) for name in cfg.DATASETS.TESTS}
    return TrainingImages(
        train={name: [path for path, *_ in of_source] for name, of_source in items.items()},
        tested={name: [path for path, *_ in (*test.query, *test.gallery)] for name, test in tested.items()},
        # people of two data sets are other people, whatever their labels
        identities=len({(name, person) for name, of_source in items.items() for _, person, *_ in of_source}),
    )
