"""Where a command that meets a bad data folder sends its user."""

import shlex
from contextlib import contextmanager
from pathlib import Path

from dcac_fastreid.errors import InputError


def point_to_check_data(path: str | Path) -> str:
    """The end of a sentence about a data folder."""
    return f"dcac-fastreid check-data {shlex.quote(str(path))} tells more"


@contextmanager
def pointing_to_check_data(path: str | Path):
    """InputErrors of reading the data below a path end with the command that examines it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error}; {point_to_check_data(path)}") from error
