"""What a config or a command line names in fast-reid's registries: nobody's, or a script's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from dcac_fastreid.errors import InputError


@contextmanager
def told_in_a_sentence() -> Iterator[None]:
    """The KeyError of fast-reid's registries (fastreid/utils/registry.py), as an InputError."""
    try:
        yield
    except KeyError as error:
        if "registry" not in str(error):
            raise
        raise InputError(f"{error.args[0]} Look for a slip in the config, and on the command line") from error


def is_of_a_script(registered: type) -> bool:
    """Whether a script has brought it: then it need not be what person Re-ID expects."""
    return not registered.__module__.startswith(("fastreid.", "dcac_fastreid."))
