"""One data set by its name, read as a run reads it."""

from dcac_fastreid.data.readers.dg_datasets import NamedFilesDataset
from dcac_fastreid.data.readers.person_folders import PersonFolders
from dcac_fastreid.errors import InputError
from fastreid.data.datasets import DATASET_REGISTRY


def read_dataset(name: str, root: str, *, combineall: bool = False):
    """The data set with its lists `train`, `query` and `gallery` of (path, person, camera); no image is opened.

    Args:
        combineall: as DATASETS.COMBINEALL: `train` has query and gallery too; these two are as without it.
    Raises: InputError: it is not complete, or has a file name that does not fit.
    """
    dataset_class = DATASET_REGISTRY.get(name)
    if issubclass(dataset_class, (NamedFilesDataset, PersonFolders)):
        return dataset_class(root=root, combineall=combineall, verbose=False)
    try:
        dataset = dataset_class(root=root, combineall=combineall)
        _ = dataset.train, dataset.query, dataset.gallery  # some classes read their lists when asked
    except Exception as error:  # fast-reid's classes raise nearly anything, of a missing folder or an odd file name
        raise InputError(
            f"fast-reid's {name} cannot be read below {root} ({type(error).__name__}: {error}); see its class for the "
            "folders that it expects"
        ) from error
    return dataset
