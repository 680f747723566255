"""One data set by its name, read as a run reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from dcac_fastreid.data.readers import dg_datasets
from dcac_fastreid.data.readers.person_folders import PersonFolders
from dcac_fastreid.errors import InputError

# Registered with fast-reid by their names, in data/loading/registered.py; fast-reid's own data sets stay beside them.
READERS = {
    reader.__name__: reader
    for reader in (
        dg_datasets.DG_Market1501,
        dg_datasets.DG_DukeMTMC,
        dg_datasets.DG_MSMT17,
        dg_datasets.DG_CUHK03NP,
        dg_datasets.DG_CUHK03NPLabeled,
        PersonFolders,
    )
}


# Reader and data root -> what was read, inside of `read_once`.
_read: ContextVar[dict | None] = ContextVar("read", default=None)


@contextmanager
def read_once() -> Iterator[None]:
    """Inside, the lists of a data set of READERS are read when they are first needed, and not again."""
    token = _read.set({}) if _read.get() is None else None
    try:
        yield
    finally:
        if token:
            _read.reset(token)


def read_with(reader: type, root: str | Path, *, verbose: bool):
    """As reader(root, verbose), of READERS."""
    read = _read.get()
    if read is None:
        return reader(root, verbose)
    if (reader, str(root)) not in read:
        read[reader, str(root)] = reader(root, verbose=False)
    dataset = read[reader, str(root)]
    if verbose:
        dataset.tell()
    return dataset


def read_dataset(name: str, root: str, *, combineall: bool = False):
    """The data set with its lists `train`, `query` and `gallery` of (path, person, camera); no image is opened.

    One of READERS is read without PyTorch and fast-reid, unless combineall is asked for.

    Args:
        combineall: as DATASETS.COMBINEALL: `train` has query and gallery too; these two are as without it.
    Raises: InputError: it is not complete, or has a file name that does not fit.
    """
    if name in READERS and not combineall:
        return read_with(READERS[name], root, verbose=False)
    from fastreid.data.datasets import DATASET_REGISTRY  # late: with PyTorch

    dataset_class = DATASET_REGISTRY.get(name)
    quiet = {"verbose": False} if name in READERS else {}  # a script's own class may not know it
    try:
        dataset = dataset_class(root=root, combineall=combineall, **quiet)
        _ = dataset.train, dataset.query, dataset.gallery  # some classes read their lists when asked
    except InputError:
        raise
    except Exception as error:  # fast-reid's classes raise nearly anything, of a missing folder or an odd file name
        raise InputError(
            f"fast-reid's {name} cannot be read below {root} ({type(error).__name__}: {error}); see its class for the "
            "folders that it expects"
        ) from error
    return dataset
