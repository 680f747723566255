"""Where does that lie which comes with the package: configs, and an encoder to begin with?"""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
SYNTHETIC_ENCODER = (
    PACKAGE / "synthetic" / "encoder"
)  # the folder of the one that was trained on synthetic images alone


def configs() -> Path:
    """The folder of DCAC/: in the package where it was installed from a wheel, beside it in a clone."""
    installed = PACKAGE / "configs"
    return installed if installed.is_dir() else PACKAGE.parent / "configs"


def config_path(file: str | os.PathLike) -> Path:
    """A config's path; of what is not there, that of the shipped config of this name, "DCAC/ma_ms.yml", where there is one."""
    path = Path(os.path.expanduser(file))
    named = configs() / path
    return named if not path.exists() and not path.is_absolute() and named.is_file() else path
