import pytest

from dcac_fastreid.profiling.workload import workload


@pytest.fixture(scope="session")
def tiny(configs):
    """The benchmark's small workload on the CPU."""
    return workload("tiny", "cpu", configs)
