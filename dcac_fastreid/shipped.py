"""Where do the configs lie that come with the package?"""

import argparse
import os
from pathlib import Path

PACKAGE = Path(__file__).parent


def configs() -> Path:
    """The folder of DCAC/: in the package where it was installed from a wheel, beside it in a clone."""
    installed = PACKAGE / "configs"
    return installed if installed.is_dir() else PACKAGE.parent / "configs"


def config_path(file: str | os.PathLike) -> Path:
    """A config's path; of what is not there, that of the shipped config of this name, "DCAC/ma_ms.yml", where there is one."""
    path = Path(os.path.expanduser(file))
    named = configs() / path
    return named if not path.exists() and not path.is_absolute() and named.is_file() else path


def with_config_path(args: argparse.Namespace) -> argparse.Namespace:
    """fast-reid's command line with the path of its --config-file in the place of a shipped config's name."""
    file = getattr(args, "config_file", "")
    return argparse.Namespace(**vars(args) | {"config_file": str(config_path(file))}) if file else args
