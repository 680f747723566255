"""What a request names and is not there."""

from dcac_fastreid.errors import InputError


class Missing(InputError):
    """Its sentence says what, and the next step."""
