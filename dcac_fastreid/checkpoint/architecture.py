"""The config that rebuilds a checkpoint's encoder: made from a run's, carried by the file of weights, found again."""

from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_metadata, read_tensor_file

ENCODER_CONFIG = "encoder_config"  # an entry of a checkpoint; in a .safetensors' metadata
LARGEST_CONFIG = 1_000_000  # letters; encoder_config writes some 3,000, and yaml is read in seconds for a million
BESIDE = {".safetensors": "encoder.yml"}  # what lies beside a file that carries none; config.yaml beside all others


def encoder_config(cfg) -> str:
    """A config for load_config, with what the weights do not say: architecture, size, resizing, cropping, pixels' mean, width."""
    small = cfg.clone()
    small.defrost()
    small.MODEL.BACKBONE.PRETRAIN, small.MODEL.BACKBONE.PRETRAIN_PATH = False, ""
    model, images = small.MODEL, small.INPUT
    small.MODEL = type(cfg)(
        {key: model[key] for key in ("META_ARCHITECTURE", "PIXEL_MEAN", "PIXEL_STD", "BACKBONE", "CLIP", "HEADS")}
    )
    small.INPUT = type(cfg)({key: images[key] for key in ("SIZE_TRAIN", "SIZE_TEST", "TEST_INTERPOLATION", "CROP")})
    for section in set(small) - {"MODEL", "INPUT"}:
        del small[section]
    return f"# Of the encoder: fast-reid's keys, as dcac-fastreid train --config-file reads them.\n{small.dump()}"


def carried_config(file: str | Path) -> str | None:
    """The encoder's config that a checkpoint or an exported encoder carries; None of a file without one.

    Raises: InputError: the file is not there, cannot be read, or holds no encoder.
    """
    if Path(file).suffix == ".safetensors":
        if not any(key.startswith("backbone.") for key in read_tensor_file(file)):
            raise InputError(f"{file} is no exported encoder: it has no weights backbone.*")
        carried = read_metadata(file).get(ENCODER_CONFIG)
    else:
        content = read_tensor_file(file, only=())
        if not isinstance(content.get("model"), Mapping):
            raise InputError(f"{file} is no checkpoint of fast-reid: it has no entry 'model' with the weights")
        carried = content.get(ENCODER_CONFIG)
    return checked_config(carried, file)


def checked_config(carried: object, file: str | Path) -> str | None:
    """What a file has as its ENCODER_CONFIG; raises InputError where it is no text, or too long to be a config."""
    if not isinstance(carried, str | None):
        raise InputError(f"{file} is damaged: its entry {ENCODER_CONFIG!r} is no text")
    if carried is not None and len(carried) > LARGEST_CONFIG:
        raise InputError(
            f"{file} carries a config of {len(carried) / 1e6:.1f} MB, where one of an encoder has a few kB; name a config file "
            "of your own"
        )
    return carried


def config_beside(file: str | Path) -> Path | None:
    """The config file that lies beside a file of weights, where there is one."""
    found = Path(file).with_name(BESIDE.get(Path(file).suffix, "config.yaml"))
    return found if found.is_file() else None
