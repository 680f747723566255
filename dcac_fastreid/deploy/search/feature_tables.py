"""Features for people who read them in NumPy or pandas: features.npy, index.csv, info.json. Search reads none of them."""

import csv
import io
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dcac_fastreid.deploy.search.feature_folder import FEATURES, INFO, ROWS, FeatureFolder
from dcac_fastreid.output_files import refuse_no_files, write_whole

COLUMNS = ("paths", "bytes", "modified", "sha256")  # of the content: an item for each photo
HEADER = ("row", "path", "bytes", "modified", "sha256")
NAMES = {"encoding": "utf-8", "errors": "surrogateescape"}  # file names need not be text


def write_tables(made: FeatureFolder) -> None:
    """Writes the three files.

    features.npy: (N, D), float32, rows of length 1. index.csv: of each row the path below the folder, size in bytes, time of
    change (nanoseconds) and SHA-256 of its image. info.json: of which checkpoint and images they are.

    All are on the disk before the first one takes its place; info.json is the last one, and without it they are not whole.

    Raises: InputError: they cannot be written.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(HEADER)
    columns = zip(*(made.content[name] for name in COLUMNS), strict=True)
    writer.writerows((row, *values) for row, values in enumerate(columns))
    info = {name: value for name, value in made.content.items() if name not in COLUMNS} | {"count": len(made.paths)}
    contents = {
        FEATURES: lambda stream: np.save(stream, made.features),
        ROWS: lambda stream: stream.write(table.getvalue().encode(**NAMES)),
        INFO: lambda stream: stream.write((json.dumps(info, indent=2) + "\n").encode()),
    }
    refuse_no_files(*(made.folder / name for name in contents))
    made.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".unfinished", dir=made.folder) as unfinished:
        for name, write in contents.items():
            write_whole(Path(unfinished) / name, write)
        (made.folder / INFO).unlink(missing_ok=True)
        for name in contents:
            os.replace(Path(unfinished) / name, made.folder / name)
