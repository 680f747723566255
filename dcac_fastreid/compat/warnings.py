"""Warnings about which a user can do nothing and that say nothing here."""

import logging
import warnings


def silence_void_warnings() -> None:
    """Exactly these; a warning with other words, or from another module, is shown as before.

    fastreid/evaluation/rank.py:14, at import: "Cython rank evaluation ... is unavailable". It is not used: see
    evaluation.rank_by_counting. Any version. (evaluation/roc.py has the like, and is imported by nobody here.)
    fastreid/data/transforms/functional.py:46, in every loading process, and fastreid/utils/comm.py:106, in each of several
    processes that train together: "TypedStorage is deprecated". PyTorch >= 2.0.
    torch/utils/cpp_extension.py, at import: "No CUDA runtime is found", which every machine without a GPU may say. PyTorch >= 2.0.
    """
    logging.getLogger("torch.utils.cpp_extension").addFilter(lambda record: "No CUDA runtime" not in str(record.msg))
    warnings.filterwarnings("ignore", "Cython rank evaluation", UserWarning, r"fastreid\.evaluation\.rank$")
    for module in (r"fastreid\.data\.transforms\.functional$", r"fastreid\.utils\.comm$"):
        warnings.filterwarnings("ignore", "TypedStorage is deprecated", UserWarning, module)
