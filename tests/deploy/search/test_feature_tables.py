import csv
import json

import numpy as np
import pytest

from dcac_fastreid.deploy.search import feature_tables
from dcac_fastreid.deploy.search.feature_folder import FeatureFolder
from dcac_fastreid.deploy.search.feature_tables import write_tables
from dcac_fastreid.errors import InputError


@pytest.fixture
def made(tmp_path):
    content = {"pictures": "/photos", "paths": ["a.jpg", "caf\udce9, b.jpg"], "bytes": [1, 2], "modified": [3, -4]}
    return FeatureFolder(tmp_path / "out", np.eye(2, 8, dtype=np.float32), {**content, "sha256": ["ab", "cd"]})


def test_rows_belong_to_their_images(made):
    write_tables(made)
    with open(made.folder / "index.csv", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["row", "path", "bytes", "modified", "sha256"]
    assert rows[1:] == [["0", "a.jpg", "1", "3", "ab"], ["1", "caf\udce9, b.jpg", "2", "-4", "cd"]]
    assert np.array_equal(np.load(made.folder / "features.npy"), made.features)
    assert json.loads((made.folder / "info.json").read_text()) == {"pictures": "/photos", "count": 2}
    assert len(list(made.folder.iterdir())) == 3


def test_a_full_disk_leaves_the_earlier_tables(made, monkeypatch):
    write_tables(made)
    before = {file.name: file.read_bytes() for file in made.folder.iterdir()}

    def half(stream, features):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_tables.np, "save", half)
    with pytest.raises(InputError, match="could not be written.*No space left"):
        write_tables(made)
    assert {file.name: file.read_bytes() for file in made.folder.iterdir()} == before
