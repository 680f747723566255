"""DCAC for fast-reid: importing this package registers the backbone, the meta-architectures, the losses and the conditioners."""

from dcac_fastreid import command_line

command_line.open_streams()  # before any file is opened
command_line.expect_interrupts()  # before the imports that take seconds

from dcac_fastreid import compat  # noqa: E402

compat.apply()  # before the first import of fastreid: its own imports fail on today's Python and PyTorch

from dcac_fastreid.checkpoint import load_for_testing  # noqa: E402
from dcac_fastreid.command_line import one_sentence_errors  # noqa: E402
from dcac_fastreid.config import add_dcac_config  # noqa: E402
from dcac_fastreid.dcac import DCAC  # noqa: E402
from dcac_fastreid.engine import DCACTrainer, check_command, load_config, setup  # noqa: E402
from dcac_fastreid.reid import PrototypicalBaseline  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "DCAC",
    "DCACTrainer",
    "FeatureExtractor",
    "PrototypicalBaseline",
    "add_dcac_config",
    "check_command",
    "load_config",
    "load_for_testing",
    "one_sentence_errors",
    "setup",
]


def __getattr__(name: str):
    if name == "FeatureExtractor":  # late: to train, nobody needs it
        from dcac_fastreid.deploy import FeatureExtractor

        return FeatureExtractor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
