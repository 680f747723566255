"""What is imported at the start and needed in a few calls alone is imported at the first of them."""

from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from dcac_fastreid.stand_ins import LateModule, in_the_place_of


def import_torchvision_without_compiler() -> None:
    """fastreid/data/transforms/build.py:7 does `import torchvision.transforms`, and with it comes all of torchvision.

    Its ops/roi_align.py does `from torch._dynamo.utils import is_compile_supported`, a question of RoI align when it runs.
    PyTorch's compiler is a third of the processor time of this package's import (PyTorch 2.14, torchvision 0.29); a training
    imports it nevertheless, with its optimizer.
    """
    name = "torch._dynamo.utils"
    stand_in = ModuleType(name)
    stand_in.is_compile_supported = lambda device_type: import_module(name).is_compile_supported(device_type)
    with suppress(ImportError), in_the_place_of(name, stand_in):  # of a version that needs more of it: as it is, below
        import_module("torchvision")
    import_module("torchvision")


def import_scikit_learn_late() -> None:
    """fastreid/evaluation/reid_evaluation.py:15 does `from sklearn import metrics`, for the ROC curve alone.

    With scipy.stats that is a sixth of the processor time of this package's import (scikit-learn 1.9).
    """
    stand_in = ModuleType("sklearn")
    stand_in.__spec__, stand_in.metrics = find_spec("sklearn"), LateModule("sklearn.metrics")
    with in_the_place_of("sklearn", stand_in):
        import_module("fastreid.evaluation.reid_evaluation")
