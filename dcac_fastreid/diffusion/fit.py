"""Do the weights of a file fit a model?"""

from collections.abc import Mapping, Sequence

from dcac_fastreid.errors import InputError

LISTED = 5  # of each kind; the rest is counted


def check_fit(wrong: Mapping[str, Sequence[str]], what: str, next_step: str) -> None:
    """Raises InputError where anything is wrong: what, by kind, and what to do.

    Args:
        wrong: kind ("missing keys") -> what is wrong; none where empty.
        what: the beginning of the sentence. next_step: its end.
    """
    listed = [
        f"{kind}: {', '.join(keys[:LISTED])}{f' and {len(keys) - LISTED} more' if len(keys) > LISTED else ''}"
        for kind, keys in wrong.items()
        if keys
    ]
    if listed:
        raise InputError(f"{what}: {'; '.join(listed)}; {next_step}")
