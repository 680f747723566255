"""Libraries that a test needs and that not every environment has."""

import os
from importlib.util import find_spec

import pytest


def require_milvus() -> None:
    """Skips the test where pymilvus or milvus-lite is missing; in CI it fails."""
    if missing := [name for name in ("pymilvus", "milvus_lite") if find_spec(name) is None]:
        reason = f"missing: {', '.join(missing)}; install them by: pip install 'dcac_fastreid[scale]'"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
