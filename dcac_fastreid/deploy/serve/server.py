"""The search page, given to the browsers of this machine until it is stopped: the only import of uvicorn."""

import os
import socket
from typing import TYPE_CHECKING

from dcac_fastreid.errors import InputError

if TYPE_CHECKING:  # so that a missing server is told at once
    from dcac_fastreid.deploy.detector import PersonDetector
    from dcac_fastreid.deploy.search.search import Search

HOST = "127.0.0.1"
AT_A_TIME = 64  # requests; others are refused
GRACE = 3  # seconds for the answers that are under way when it is stopped


def require_server() -> None:
    """Raises ImportError: FastAPI or uvicorn is missing or broken; the sentence says how to install them."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"the search page needs FastAPI and uvicorn ({error}); install them by: pip install 'dcac_fastreid[app]'"
        ) from error


def listen(port: int) -> socket.socket:
    """A socket of this machine alone. Args: port: 0 for any that is free. Raises: InputError: it is in use, or not allowed."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise InputError(
            f"port {port} cannot be opened ({os.strerror(error.errno)}); name another one by --port, or 0 for any that is free"
        ) from error


def address_of(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def serve(listening: socket.socket, search: "Search", detector: "PersonDetector | None" = None) -> None:
    """Answers requests until the process is interrupted. Args: detector: of the people on whole photos that are given."""
    import uvicorn

    from dcac_fastreid.deploy.serve.answers import Answers
    from dcac_fastreid.deploy.serve.application import application

    config = uvicorn.Config(
        application(Answers(search, detector)),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=AT_A_TIME,
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run([listening])
