"""What was a run trained on, as the files in its folder tell it?"""

from pathlib import Path
from typing import NamedTuple

from dcac_fastreid import data
from dcac_fastreid.data.locations import synthetic_seed
from dcac_fastreid.data.readers.dg_datasets import in_synthetic_data
from dcac_fastreid.engine.config_file import load_config
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object

CONFIG = "config.yaml"


class TrainedOn(NamedTuple):
    """sources: names of data sets; () where nothing in the folder tells them. synthetic: whether their images are."""

    sources: tuple[str, ...] = ()
    synthetic: bool = False


def trained_on(folder: Path) -> TrainedOn:
    """By the run metadata (stamp.json); where they are missing or damaged, by config.yaml and the data root that it names."""
    file = folder / RUN_METADATA
    metadata = (read_object(file) if file.is_file() else None) or {}
    if isinstance(metadata.get("sources"), list) and "drawn_world" in metadata:
        return TrainedOn(tuple(map(str, metadata["sources"])), bool(metadata["drawn_world"]))
    if not (folder / CONFIG).is_file():
        return TrainedOn()
    try:
        sets = load_config(str(folder / CONFIG), []).DATASETS
        synthetic = synthetic_seed(sets.ROOT) is not None or in_synthetic_data(data.data_root(sets.ROOT))
    except InputError:  # of other software, say, whose keys are unknown here
        return TrainedOn()
    return TrainedOn(tuple(sets.NAMES), synthetic)
