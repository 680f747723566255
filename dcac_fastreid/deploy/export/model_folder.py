"""A trained encoder as a folder to give away: weights without pickle, the config that rebuilds them, a card."""

import os
from pathlib import Path

from dcac_fastreid.arguments import as_path, as_text
from dcac_fastreid.checkpoint import encoder_config
from dcac_fastreid.checkpoint.export import (
    FILES,
    Exported,
    check_export,
    encoder_weights,
    export_weights,
    save_encoder,
    save_parts,
)
from dcac_fastreid.checkpoint.released import Conversion, check_encoder
from dcac_fastreid.checkpoint.released_formats import FORMATS
from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.encoder_files import CONFIG, ENCODER
from dcac_fastreid.deploy.export.card import ABOUT, check_card, write_card
from dcac_fastreid.deploy.export.origin import ORIGIN, origin_of, origin_of_released
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_state_dict

WHAT = "card: data, protocol, metrics, licences, hashes; read it before you share the folder"


def share_weights(
    cfg, output: str | Path, *, half: bool = False, data_license: str = "", weights_license: str = "", **words: str
) -> tuple[list[Exported], list[str]]:
    """As export_weights, with a card, README.md.

    Args:
        cfg: a run's, MODEL.WEIGHTS its checkpoint. half: as save_encoder's.
        data_license, weights_license: as origin_of's. words: as write_card's.
    Returns: the files written, and sentences about what was not.
    Raises: InputError: as export_weights, or a README.md that is not ours to overwrite.
    """
    folder = as_path(output, "the output folder")
    for license, of in ((data_license, "data"), (weights_license, "weights")):
        as_text(license, f"the license of the {of}")
    check_card(folder)
    file = Path(cfg.MODEL.WEIGHTS)
    licenses = {"data_license": data_license, "weights_license": weights_license}
    origin = origin_of(file, **licenses) if file.is_file() else None  # else export_weights says what is wrong
    exported, absent = export_weights(cfg, folder, half=half, words={ORIGIN: origin.text()} if origin else {})
    card = write_card(folder, [each.file for each in exported], cfg, origin, half=half, **words)
    return [*exported, Exported(card, WHAT)], absent


def share_conversion(
    conversion: Conversion, file: Path, cfg, output: str | Path, *, data_license: str = "", weights_license: str = ""
) -> tuple[list[Exported], list[str]]:
    """As share_weights, of a released checkpoint; call check_shared before the conversion.

    Args:
        file: the released checkpoint. cfg: a config that rebuilds its encoder.
        data_license, weights_license: as origin_of's.
    Raises: InputError: the encoder does not fit the config, the LoRA is of another rank, or a file cannot be written.
    """
    released = FORMATS[conversion.format]
    check_encoder(conversion, cfg)
    folder = as_path(output, "the output folder")
    origin = origin_of_released(file, released.name, data_license=data_license, weights_license=weights_license)
    exported, absent = save_parts(conversion.model, cfg, folder, words={ORIGIN: origin.text()})
    about = f"{ABOUT}\n\n{released.note}".strip()
    name = f"Encoder of {released.name}"
    card = write_card(folder, [each.file for each in exported], cfg, origin, name=name, about=about)
    return [*exported, Exported(card, WHAT)], absent


def check_shared(output: str | Path, file: Path) -> None:
    """Asks before a conversion. Raises: InputError: as share_weights, or the released file would be overwritten."""
    folder = check_export(output)
    check_card(folder)
    if os.path.realpath(file) in {os.path.realpath(folder / name) for name in FILES}:
        raise InputError(f"{file} would be overwritten by the model folder {folder}; name another folder")


def share_encoder(
    encoder: Encoder, folder: Path, others: list[Path], *, data_license: str = "", weights_license: str = ""
) -> list[Path]:
    """Writes encoder.safetensors, encoder.yml and README.md beside other files of the same encoder, which the card lists too.

    An encoder.safetensors that is the encoder's own file stays as it is. Call check_card before the work.

    Args: data_license, weights_license: as origin_of's.
    Raises: InputError: a file cannot be written, or the encoder's origin cannot be read.
    """
    origin = origin_of(encoder.file, sha256=encoder.sha256, data_license=data_license, weights_license=weights_license)
    weights = encoder_weights(read_state_dict(encoder.file))
    half = any(weight.itemsize == 2 for weight in weights.values())
    own = folder / ENCODER
    if os.path.realpath(own) == os.path.realpath(encoder.file):
        files = [file for file in (own, folder / CONFIG) if file.is_file()]
    else:
        config = encoder_config(encoder.cfg)
        picked_by = encoder.selected_on
        words = {ORIGIN: origin.text()}
        files = [each.file for each in save_encoder(weights, config, folder, picked_by=picked_by, words=words)]
    return [*files, write_card(folder, [*files, *others], encoder.cfg, origin, half=half)]
