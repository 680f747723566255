"""Where do the configs lie that come with the package?"""

from pathlib import Path

PACKAGE = Path(__file__).parent


def configs() -> Path:
    """The folder of DCAC/: in the package where it was installed from a wheel, beside it in a clone."""
    installed = PACKAGE / "configs"
    return installed if installed.is_dir() else PACKAGE.parent / "configs"
