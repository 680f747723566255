"""What went wrong through the user's input, and can be mended by the user."""


class InputError(ValueError):
    """A setting, file or folder with which the work cannot be done: one clear sentence, what, got, expected, next step.

    The command line tools show its message without a traceback and exit with status 2; every other ValueError is taken
    for a fault of this package and keeps its traceback.
    """
