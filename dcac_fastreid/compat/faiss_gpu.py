"""What a script written for faiss-gpu takes from faiss, where faiss-cpu is installed: fast-reid itself asks for that one."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from fastreid.utils.compute_dist import faiss


def flat_index_l2(resources, width: int, settings=None):
    return faiss.IndexFlatL2(width)


def flat_index_ip(resources, width: int, settings=None):
    return faiss.IndexFlatIP(width)


STAND_INS = {
    "StandardGpuResources": SimpleNamespace,
    "GpuIndexFlatConfig": SimpleNamespace,
    "GpuIndexFlatL2": flat_index_l2,
    "GpuIndexFlatIP": flat_index_ip,
}


@contextmanager
def search_on_the_cpu() -> Iterator[None]:
    """Until it ends, faiss has the names for an exact search on a GPU; without faiss-gpu it is made on the CPU.

    projects/FastRetri/fastretri/retri_evaluator.py:66 makes its index there: AttributeError. Both searches are exact.
    """
    missing = [name for name in STAND_INS if not hasattr(faiss, name)]
    for name in missing:
        setattr(faiss, name, STAND_INS[name])
    try:
        yield
    finally:
        for name in missing:
            delattr(faiss, name)
