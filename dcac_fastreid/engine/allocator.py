"""Memory that a step on the CPU frees stays with the process, for the next step."""

import ctypes

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Tells glibc to give no large buffer back to the operating system, for the rest of the process; says whether it did.

    By default every large tensor is faulted in again, page by page, each time that it is made. Another C library: nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
