"""One data set by its name, read as a run reads it."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from dcac_fastreid.data.readers import dg_datasets
from dcac_fastreid.data.readers.person_folders import PersonFolders
from dcac_fastreid.errors import InputError

T = TypeVar("T")

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


_done: ContextVar[dict | None] = ContextVar("done", default=None)  # inside of `read_once`


@contextmanager
def read_once() -> Iterator[None]:
    """Inside, lists of a data set of READERS are read when they are first needed, and not again; `once` says what else."""
    token = _done.set({}) if _done.get() is None else None
    try:
        yield
    finally:
        if token:
            _done.reset(token)


def once(what: Hashable, do: Callable[[], T]) -> T:
    """What `do` returns; inside of `read_once` it is called once for each `what`."""
    done = _done.get()
    if done is None:
        return do()
    if what not in done:
        done[what] = do()
    return done[what]


def read_with(reader: type, root: str | Path, *, verbose: bool):
    """As reader(root, verbose), of READERS."""
    dataset = once((reader, str(root)), lambda: reader(root, verbose=False))
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
