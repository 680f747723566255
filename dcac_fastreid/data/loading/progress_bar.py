"""A progress bar of the main process: of several processes that do the same work, one shows how far it is."""

from tqdm import tqdm

from fastreid.utils import comm


def progress_bar(*args, **options) -> tqdm:
    """tqdm's, with its arguments, where standard error is a terminal; it is gone when it is closed.

    In every other process than the main one it shows nothing.
    """
    return tqdm(*args, disable=None if comm.is_main_process() else True, leave=False, **options)
