"""DCAC for fast-reid: importing this package registers the backbone, the meta-architectures, the losses and the conditioners.

It does so when fast-reid is first imported, or at once where it is there already: see late_host.py.
"""

from dcac_fastreid import command_line

command_line.open_streams()  # before any file is opened
command_line.expect_interrupts()  # before the imports that take seconds

from dcac_fastreid.late_host import watch_for_host  # noqa: E402
from dcac_fastreid.lazy_names import lazy_names  # noqa: E402

watch_for_host()

__version__ = "0.1.0"

# Public name -> the module that has it, imported when it is first used.
_PUBLIC = {
    "DCAC": "dcac",
    "DCACTrainer": "engine",
    "FeatureExtractor": "deploy",
    "PrototypicalBaseline": "reid",
    "add_dcac_config": "config",
    "check_command": "engine",
    "load_config": "engine",
    "load_encoder": "deploy.encoder_module",
    "load_for_testing": "checkpoint",
    "one_sentence_errors": "command_line",
    "setup": "engine",
}
__all__, __getattr__ = lazy_names(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
