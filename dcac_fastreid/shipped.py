"""Where does that lie which comes with the package: configs, and an encoder to begin with?"""

import os
from pathlib import Path

from dcac_fastreid.errors import InputError

PACKAGE = Path(__file__).parent
SYNTHETIC_ENCODER = (
    PACKAGE / "synthetic" / "encoder"
)  # the folder of the one that was trained on synthetic images alone


def configs() -> Path:
    """The folder of DCAC/: in the package where it was installed from a wheel, beside it in a clone."""
    installed = PACKAGE / "configs"
    return installed if installed.is_dir() else PACKAGE.parent / "configs"


def config_path(file: str | os.PathLike) -> Path:
    """A config's path; of what is not there, that of the shipped config of this name, "DCAC/ma_ms.yml".

    Raises: InputError: there is neither.
    """
    path = Path(os.path.expanduser(file))
    if os.path.lexists(path):
        return path
    if (configs() / path).is_file():
        return configs() / path
    raise InputError(f"there is no config file {file}; the shipped ones, such as DCAC/ma_ms.yml, are in {configs()}")
