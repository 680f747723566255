"""The config that rebuilds a checkpoint's encoder: made from a run's, carried by the file of weights, found again."""

from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_tensor_file

ENCODER_CONFIG = "encoder_config"  # an entry of a checkpoint; in a .safetensors' metadata
BESIDE = {".safetensors": "encoder.yml"}  # what lies beside a file that carries none; config.yaml beside all others


def encoder_config(cfg) -> str:
    """A config for load_config, with what the weights do not say: architecture, input size and cropping, pixels' mean, width."""
    small = cfg.clone()
    small.defrost()
    small.MODEL.BACKBONE.PRETRAIN, small.MODEL.BACKBONE.PRETRAIN_PATH = False, ""
    model, pictures = small.MODEL, small.INPUT
    small.MODEL = type(cfg)(
        {key: model[key] for key in ("META_ARCHITECTURE", "PIXEL_MEAN", "PIXEL_STD", "BACKBONE", "CLIP", "HEADS")}
    )
    small.INPUT = type(cfg)({key: pictures[key] for key in ("SIZE_TRAIN", "SIZE_TEST", "CROP")})
    for section in set(small) - {"MODEL", "INPUT"}:
        del small[section]
    return f"# Of the encoder: fast-reid's keys, as tools/train_net.py --config-file reads them.\n{small.dump()}"


def carried_config(file: str | Path) -> str | None:
    """The encoder's config that a checkpoint or an exported encoder carries; None of a file without one.

    Raises: InputError: the file is not there, cannot be read, or holds no encoder.
    """
    content = read_tensor_file(file)
    if Path(file).suffix == ".safetensors":
        from safetensors import safe_open

        if not any(key.startswith("backbone.") for key in content):
            raise InputError(f"{file} is no exported encoder: it has no weights backbone.*")
        with safe_open(file, framework="pt") as opened:
            return (opened.metadata() or {}).get(ENCODER_CONFIG)
    if not isinstance(content.get("model"), Mapping):
        raise InputError(f"{file} is no checkpoint of fast-reid: it has no entry 'model' with the weights")
    carried = content.get(ENCODER_CONFIG)
    return carried if isinstance(carried, str) else None


def config_beside(file: str | Path) -> Path | None:
    """The config file that lies beside a file of weights, where there is one."""
    found = Path(file).with_name(BESIDE.get(Path(file).suffix, "config.yaml"))
    return found if found.is_file() else None
