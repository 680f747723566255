"""Log lines with names of files in them, which need be no text."""

import functools
import logging
from typing import TextIO

from dcac_fastreid.names import printable
from fastreid.utils import logger
from fastreid.utils.file_io import PathManager


def escape(record: logging.LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage()), ()
    return True


@functools.cache
def log_stream(filename: str) -> TextIO:
    return PathManager.open(filename, "a", encoding="utf-8", errors="backslashreplace")


def show_names() -> None:
    """fastreid/utils/logger.py:83 opens log.txt so that a name which is no UTF-8 fails, with a traceback for each such line.

    A name with a line end or a terminal's codes in it is printed as it is: it may forge a line, or clear the screen. Any
    version of Python. All lines of this package's logger are one line each, in which such letters are escaped; the host's
    own lines have tables and colours, and keep them.
    """
    logger._cached_log_stream = log_stream
    for name in ("fastreid.dcac", "fastreid.dcac.console"):
        logging.getLogger(name).addFilter(escape)


def correct(record: logging.LogRecord) -> bool:
    if isinstance(record.msg, str):
        record.msg = record.msg.replace(" in csv format", "")
    return "reid evaluation cython tool" not in str(record.msg)


def say_what_is() -> None:
    """Three host lines call a Markdown table csv, and two tell of a compilation that `evaluation.skip_compilation` prevents.

    fastreid/engine/defaults.py:448, evaluation/testing.py:36, data/datasets/bases.py:164; evaluation/reid_evaluation.py:136. Any
    version.
    """
    for name in ("data.datasets.bases", "engine.defaults", "evaluation.testing", "evaluation.reid_evaluation"):
        logging.getLogger(f"fastreid.{name}").addFilter(correct)
