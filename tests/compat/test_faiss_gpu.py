"""The names of faiss-gpu, where faiss-cpu is installed."""

import numpy as np
import pytest

from dcac_fastreid.compat import faiss_gpu


@pytest.mark.skipif(hasattr(faiss_gpu.faiss, "StandardGpuResources"), reason="faiss-gpu is installed")
def test_the_search_is_that_of_the_cpu_and_the_names_are_gone_afterwards():
    features = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    with faiss_gpu.search_on_the_cpu():
        settings = faiss_gpu.faiss.GpuIndexFlatConfig()
        settings.device = 0
        for name in ("GpuIndexFlatL2", "GpuIndexFlatIP"):
            index = getattr(faiss_gpu.faiss, name)(faiss_gpu.faiss.StandardGpuResources(), 4, settings)
            index.add(features)
            similar = features @ features.T
            if name == "GpuIndexFlatL2":
                similar = 2 * similar - np.diag(similar)
            assert (index.search(features, 5)[1] == np.argsort(-similar, axis=1)[:, :5]).all()
    assert not any(hasattr(faiss_gpu.faiss, name) for name in faiss_gpu.STAND_INS)
