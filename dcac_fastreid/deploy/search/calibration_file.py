"""calibration.json in the folder of an index: written whole, read only as it was written."""

import shlex
from dataclasses import asdict
from pathlib import Path

from dcac_fastreid.deploy.encoder import Identity, same_encoder
from dcac_fastreid.deploy.search.calibration import Calibration, CalibrationOfVersion1
from dcac_fastreid.deploy.search.sealed_json import Unusable, sealed, unsealed
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable
from dcac_fastreid.output_files import write_whole

FILE = "calibration.json"
FORMAT, VERSION = "dcac_fastreid calibration", 2
FORMS = {1: CalibrationOfVersion1, VERSION: Calibration}


def write_calibration(calibration: Calibration, folder: str | Path) -> Path:
    """Writes calibration.json into an index. Raises InputError where it cannot be written."""
    document = sealed(FORMAT, VERSION, asdict(calibration))
    write_whole(Path(folder) / FILE, lambda stream: stream.write(document))
    return Path(folder) / FILE


def read_calibration(folder: str | Path) -> Calibration | None:
    """That of an index; None where it has none. Raises InputError: it cannot be used."""
    file = Path(folder) / FILE
    if not file.is_file():
        return None
    try:
        return Calibration(**vars(unsealed(file.read_bytes(), FORMAT, FORMS)))
    except Unusable as error:
        raise InputError(
            f"{file} {error}; calibrate again: {calibrate_command(folder)} (or search without: move the file away)"
        ) from error


def calibrate_command(folder: str | Path) -> str:
    return printable(shlex.join(["dcac-fastreid", "search", "calibrate", "--index", str(folder), "--people", "FOLDER"]))


def remove_calibration_of_others(folder: str | Path, encoder: Identity) -> bool:
    """Removes that of an index where it is of another encoder, or cannot be used; tells whether it did."""
    try:
        known = read_calibration(folder)
        other = known is not None and not same_encoder(known.encoder, encoder)
    except InputError:
        other = True
    if other:
        (Path(folder) / FILE).unlink()
    return other
