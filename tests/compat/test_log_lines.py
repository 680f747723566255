import io
import logging
import os

from dcac_fastreid.compat.log_lines import log_stream
from fastreid.utils import logger as host

NAME = os.fsdecode(b"caf\xe9\n\x1b[2J.jpg")


def test_names_in_our_log_lines_are_seen_and_do_nothing_else():
    logger, stream = logging.getLogger("fastreid.dcac"), io.StringIO()
    handler = logging.StreamHandler(stream)
    logger.addHandler(handler)
    try:
        logger.warning("left out: %s", NAME)
    finally:
        logger.removeHandler(handler)
    assert stream.getvalue() == "left out: caf\\xe9\\n\\x1b[2J.jpg\n"


def test_the_hosts_log_takes_every_name(tmp_path):
    logger = host.setup_logger(str(tmp_path), name="of_a_test")
    try:
        logger.info(f"read from {NAME}")
    finally:
        log_stream(str(tmp_path / "log.txt")).close()
        logger.handlers.clear()
    assert "read from caf\\udce9" in (tmp_path / "log.txt").read_text()
