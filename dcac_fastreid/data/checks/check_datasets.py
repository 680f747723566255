"""Can the data sets of a config be read, trained and tested on? Asked before anything is started."""

from dcac_fastreid.data.checks.check_batches import check_batch
from dcac_fastreid.data.checks.point_to_check_data import pointing_to_check_data
from dcac_fastreid.data.checks.test_split import check_test_split, warn_of_one_identity
from dcac_fastreid.data.locations import data_root
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.data.readers.validation import check_validation, training_items
from dcac_fastreid.errors import InputError


def check_datasets(cfg, *, training: bool) -> None:
    """Reads names and lists as the run will, but no image.

    Raises:
        InputError: of the first data set that is not complete, cannot be scored, or does not fill a batch; of the first two
            it ends with the command that tells more.
    """
    names = cfg.DATASETS.NAMES if training else ()
    root = data_root(cfg.DATASETS.ROOT)
    with pointing_to_check_data(root):
        sources = [read_dataset(name, root, combineall=cfg.DATASETS.COMBINEALL) for name in names]
        train = [item for dataset in sources for item in training_items(cfg, dataset)]
        tested = {name: read_dataset(name, root) for name in cfg.DATASETS.TESTS}
        for name, dataset in tested.items():
            check_test_split(name, dataset.query, dataset.gallery)
            warn_of_one_identity(name, dataset.query, dataset.gallery)
    for name, dataset in tested.items():
        _check_neighbours(cfg, name, len(dataset.query) + len(dataset.gallery))
    if names:
        check_batch(cfg, train)
        check_validation(cfg)


def _check_neighbours(cfg, name: str, images: int) -> None:
    rerank, expansion = cfg.TEST.RERANK, cfg.TEST.AQE
    for key, needed, enabled in (
        ("TEST.RERANK.K1", rerank.K1, rerank.ENABLED),
        ("TEST.AQE.QE_K", expansion.QE_K + 1, expansion.ENABLED),
    ):
        if enabled and needed > images:
            raise InputError(f"{key} asks for {needed} images, query and gallery of {name} have {images}; lower it")
