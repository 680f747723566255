"""Where do the data sets and the pre-trained weights of a config lie on this machine?"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.arguments import SEEDS, as_path, as_text
from dcac_fastreid.errors import InputError

SYNTHETIC = "synthetic:"


def cache_folder() -> Path:
    """Where latents and synthetic data sets are kept: environment variable DCAC_FASTREID_CACHE, else ~/.cache/dcac_fastreid.

    Raises: InputError: neither the variable nor the home folder is known.
    """
    try:
        return Path(os.environ.get("DCAC_FASTREID_CACHE") or "~/.cache/dcac_fastreid").expanduser()
    except RuntimeError as error:
        raise InputError(
            "the cache folder would lie in the home folder, which is not known; set the environment variable "
            "DCAC_FASTREID_CACHE to a folder that can be written"
        ) from error


def data_root(root: str) -> str:
    """The folder that DATASETS.ROOT names; a synthetic data set is made on first use.

    Args:
        root: "" for the environment variable FASTREID_DATASETS (else ./datasets); a path; "synthetic:SEED", the
            default data set of that seed; or "synthetic:SEED:DIFFICULTY", with easy, default or hard.
    Raises: InputError: no text, a name that no folder can have, or a synthetic root of another form.
    """
    if not as_text(root, "DATASETS.ROOT"):
        return os.path.expanduser(os.environ.get("FASTREID_DATASETS") or "datasets")
    if not root.startswith(SYNTHETIC):
        return str(as_path(os.path.expanduser(root), "DATASETS.ROOT"))
    from dcac_fastreid.synthetic.data_set import cached_data_set  # late: most runs need no generator

    return str(cached_data_set(cache_folder(), *_seed_and_difficulty(root)))


def synthetic_data_is_there(root: str) -> bool:
    """Whether DATASETS.ROOT names no synthetic data set that has yet to be made in the cache folder."""
    if not root.startswith(SYNTHETIC):
        return True
    from dcac_fastreid.synthetic.data_set import data_set_path

    return data_set_path(cache_folder(), *_seed_and_difficulty(root)).is_dir()


def synthetic_seed(root: str) -> int | None:
    """Seed of the synthetic data set that DATASETS.ROOT names; None of a folder. Raises: InputError: another form."""
    return _seed_and_difficulty(root)[0] if root.startswith(SYNTHETIC) else None


def _seed_and_difficulty(root: str) -> tuple[int, str]:
    from dcac_fastreid.synthetic.difficulty import PRESETS

    parts = re.fullmatch(rf"([0-9]{{1,10}})(?::({'|'.join(PRESETS)}))?", root.removeprefix(SYNTHETIC))
    if not parts or int(parts[1]) >= SEEDS:
        raise InputError(
            f"DATASETS.ROOT is {root!r}; expected synthetic:SEED or synthetic:SEED:DIFFICULTY with a whole number below "
            f"{SEEDS:,} and one of {', '.join(PRESETS)}, such as synthetic:0 or synthetic:0:hard"
        )
    return int(parts[1]), parts[2] or "default"


def weights_path(path: str) -> str:
    """The file or folder that a key of pre-trained weights names: a path, or "synthetic:NAME", which ships with the package."""
    if not path.startswith(SYNTHETIC):
        return os.path.expanduser(path)
    from dcac_fastreid.synthetic.parts import part

    return str(part(path.removeprefix(SYNTHETIC)))


def synthetic_versions(values: Mapping[str, str]) -> dict[str, str]:
    """What stands behind "synthetic:..." now.

    Args:
        values: key of a config -> its value "synthetic:...".
    Returns: "generator" -> the version of the data sets' generator, where DATASETS.ROOT is among the keys; file -> sha256, of
        the shipped weights that the other values name and of no others.
    Raises: InputError: a value names no weights.
    """
    from dcac_fastreid.synthetic.data_set import VERSION
    from dcac_fastreid.synthetic.parts import part

    versions = {"generator": f"world {VERSION}"} if "DATASETS.ROOT" in values else {}
    for key, value in values.items():
        if key != "DATASETS.ROOT":
            named = part(value.removeprefix(SYNTHETIC), Path())
            versions |= {file: sha256 for file, sha256 in shipped_weights().items() if Path(file).is_relative_to(named)}
    return versions


def shipped_weights() -> dict[str, str]:
    """File -> sha256, of all small weights that ship with the package."""
    from dcac_fastreid.synthetic.parts import WEIGHTS

    return json.loads((WEIGHTS / "card.json").read_text())["sha256"]


def use_data_root(cfg) -> str:
    """Makes fast-reid's own loaders read from DATASETS.ROOT; returns the folder."""
    import fastreid.data.build  # late: the other questions of this file do without

    root = data_root(cfg.DATASETS.ROOT)
    fastreid.data.build._root = root  # read there at every call; set once from the environment when it was imported
    return root


def with_local_weights(cfg):
    """A copy of cfg in which those keys of pre-trained weights that it reads are paths of this machine."""
    cfg = cfg.clone()
    cfg.defrost()
    if cfg.MODEL.BACKBONE.PRETRAIN:
        cfg.MODEL.BACKBONE.PRETRAIN_PATH = weights_path(cfg.MODEL.BACKBONE.PRETRAIN_PATH)
    if cfg.MODEL.META_ARCHITECTURE == "DCAC":
        cfg.MODEL.DCAC.DIFFUSION.WEIGHTS = weights_path(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
    cfg.freeze()
    return cfg
