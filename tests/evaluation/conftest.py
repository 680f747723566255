"""Patches the host before any test module imports it."""

import dcac_fastreid  # noqa: F401
