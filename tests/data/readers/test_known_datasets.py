import pytest

from dcac_fastreid.data.readers.known_datasets import BOXES, KNOWN_DATASETS, LISTED
from fastreid.data.datasets import DATASET_REGISTRY


def make(root, folder, *parts):
    for part in parts:
        (root / folder / part).mkdir(parents=True)


def test_every_name_is_a_data_set_of_the_registry():
    assert all(DATASET_REGISTRY.get(name) for name in KNOWN_DATASETS)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("DG_Market1501", "Market1501"),  # DCAC, CLIP-ReID
        ("DG_Market1501", "market1501/Market-1501-v15.09.15"),  # torchreid, M3L
        ("DG_DukeMTMC", "dukemtmcreid"),  # DCAC, CLIP-ReID
        ("DG_DukeMTMC", "dukemtmc-reid/DukeMTMC-reID"),  # torchreid
        ("DG_DukeMTMC", "dukemtmc/DukeMTMC-reID"),  # M3L
        ("DG_MSMT17", "msmt17/MSMT17_V1"),  # torchreid
        ("DG_MSMT17", "msmt17v1/MSMT17_V1"),  # M3L
        ("DG_CUHK03NP", "cuhk03-np/detected"),  # BAU
        ("DG_CUHK03NP", "cuhk03np/detected"),  # DCAC
        ("DG_CUHK03NP", "cuhknp/detected"),  # M3L
    ],
)
def test_the_folders_of_other_projects_will_do(tmp_path, name, folder):
    make(tmp_path, folder, *BOXES, *LISTED)
    located = KNOWN_DATASETS[name].locate(tmp_path)
    assert (located.folder, located.lacking) == (tmp_path / folder, ())


def test_the_first_complete_folder_is_taken(tmp_path):
    make(tmp_path, "Market-1501-v15.09.15", "query")
    make(tmp_path, "market1501", *BOXES)
    located = KNOWN_DATASETS["DG_Market1501"].locate(tmp_path)
    assert (located.folder, located.lacking) == (tmp_path / "market1501", ())


def test_a_folder_in_its_second_form_is_complete(tmp_path):
    make(tmp_path, "MSMT17", *BOXES)
    located = KNOWN_DATASETS["DG_MSMT17"].locate(tmp_path)
    assert (located.parts, located.lacking) == (BOXES, ())


def test_of_half_copied_folders_the_fullest_is_reported(tmp_path):
    make(tmp_path, "market1501/Market-1501-v15.09.15", *BOXES[:2])
    located = KNOWN_DATASETS["DG_Market1501"].locate(tmp_path)
    assert located.folder == tmp_path / "market1501/Market-1501-v15.09.15"
    assert located.lacking == ("bounding_box_test",)


@pytest.mark.parametrize(("name", "usual"), [("DG_MSMT17", "MSMT17_V1"), ("DG_CUHK03NP", "cuhk03-np/detected")])
def test_without_any_folder_the_usual_one_is_reported(tmp_path, name, usual):
    located = KNOWN_DATASETS[name].locate(tmp_path)
    assert located.folder == tmp_path / usual
    assert located.lacking == located.parts
