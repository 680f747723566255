"""Which settings make a training another training? A name of ten digits for them, which keys that are added later do not change."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dcac_fastreid import data
from dcac_fastreid.config import add_dcac_config, leaves
from dcac_fastreid.data.locations import SYNTHETIC
from fastreid.config import CfgNode, get_cfg

# Two files of key -> default. A run in which a key has another value than there is another run, also where that value has
# become the key's default: no entry is changed. The first has all keys that there were when fingerprints began to leave
# defaults out, and stays as it is; a key that is added gets its entry in the second.
FIRST_DEFAULTS = Path(__file__).with_name("first_defaults.json")
LATER_DEFAULTS = Path(__file__).with_name("later_defaults.json")
# All that the first names counted as behind "synthetic:...", whichever of it a run used.
FIRST_SYNTHETIC = {
    "DATASETS.ROOT": "synthetic:0",
    "MODEL.BACKBONE.PRETRAIN_PATH": "synthetic:clip",
    "MODEL.DCAC.DIFFUSION.WEIGHTS": "synthetic:stable-diffusion",
}
# Where a run lies and is computed, how its images are loaded, what it saves and logs on the way: no part of its settings.
# All but MODEL.DEVICE and SOLVER.CUDA_GRAPH leave every number as it is. CPU and GPU do not compute the same bits, so that
# scores may differ; a result is taken from either all the same, its run metadata tells the device, and a table that mixes them
# says so. A recorded step rounds the learning rate to fp32, and whether one can be recorded may depend on the number of GPUs.
# What SOLVER.SPEED chose besides stands in SOLVER.AMP, which is a part of the settings.
WITHOUT_EFFECT = (
    "OUTPUT_DIR", "MODEL.DEVICE", "DATALOADER.NUM_WORKERS", "DATALOADER.CACHE_IMAGES", "SOLVER.CHECKPOINT_PERIOD",
    "SOLVER.CHECKPOINT_STEPS", "MODEL.DCAC.TELEMETRY", "SOLVER.SPEED", "SOLVER.CUDA_GRAPH",
)  # fmt: skip
# What only the diffusion branch reads. So a baseline serves every setting of DCAC.
OF_DCAC = ("MODEL.DCAC", "SOLVER.PROMPTS_LR_FACTOR", "SOLVER.LORA_LR_FACTOR")


def settings_of(cfg: CfgNode) -> dict[str, Any]:
    """Dotted key -> value, of what can change a score of this run."""
    ignored = WITHOUT_EFFECT if cfg.MODEL.META_ARCHITECTURE == "DCAC" else WITHOUT_EFFECT + OF_DCAC
    return {key: value for key, value in leaves(cfg) if not _within(key, ignored)}


def fingerprint(cfg: CfgNode) -> str:
    """Ten hexadecimal digits that differ where a setting differs that can change a score."""
    settings = _not_at_default(settings_of(cfg))
    if synthetic := _synthetic(settings):
        settings["synthetic"] = data.synthetic_versions(synthetic)
    return _digits({"format": 2, **settings})


def first_fingerprint(cfg: CfgNode) -> str | None:
    """What the same run was called while defaults were not left out; None where it needs a key that there was not then."""
    settings, first = settings_of(cfg), _frozen(FIRST_DEFAULTS)
    if any(key not in first for key in _not_at_default(settings)):
        return None
    settings = {key: value for key, value in settings.items() if key in first}
    settings["SOLVER.CUDA_GRAPH"] = False  # which counted then, and nobody had set
    if _synthetic(settings):
        settings["synthetic"] = " ".join(data.synthetic_versions(FIRST_SYNTHETIC).values())
    return _digits(settings)


def changes_scores(key: str) -> bool:
    """Whether a key can change a score of any run."""
    return not _within(key, WITHOUT_EFFECT)


def _not_at_default(settings: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {**_defaults(), **_frozen(LATER_DEFAULTS), **_frozen(FIRST_DEFAULTS)}
    return {key: value for key, value in settings.items() if _plain(value) != _plain(defaults[key])}


def _synthetic(settings: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in settings.items() if isinstance(value, str) and value.startswith(SYNTHETIC)}


def _digits(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]


def _defaults() -> dict[str, Any]:
    cfg = get_cfg()
    add_dcac_config(cfg)
    return dict(leaves(cfg))


@cache
def _frozen(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def _plain(value):
    """As JSON has it: a tuple is a list."""
    return json.loads(json.dumps(value))


def _within(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(name + ".") for name in names)
