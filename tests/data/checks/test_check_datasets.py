import pytest

from dcac_fastreid import data
from dcac_fastreid.errors import InputError

MARKET, DUKE = "Market-1501-v15.09.15", "DukeMTMC-reID"


@pytest.fixture
def check(make_cfg, lay_out, tmp_path):
    """check(*opts, training=...): a training on people 1 and 2 of Market, 4 images in all; a test on Duke."""
    lay_out(tmp_path / MARKET, "DG_Market1501")
    lay_out(tmp_path / DUKE, "DG_DukeMTMC")

    def check(*opts, training=True):
        names = ("DATASETS.NAMES", ("DG_Market1501",), "DATASETS.TESTS", ("DG_DukeMTMC",))
        batch = ("SOLVER.IMS_PER_BATCH", 4, "DATALOADER.NUM_INSTANCE", 2)
        data.check_datasets(
            make_cfg("ma_ms.yml", "DATASETS.ROOT", str(tmp_path), *names, *batch, *opts), training=training
        )

    return check


def test_complete_data_sets_pass_without_a_word(check, logged):
    check()
    assert logged() == []


def test_a_training_set_that_fills_no_batch_is_refused(check):
    with pytest.raises(InputError, match="DG_Market1501 has 2 identities, a batch needs 3"):
        check("SOLVER.IMS_PER_BATCH", 6)
    check("SOLVER.IMS_PER_BATCH", 6, training=False)


def test_joined_splits_count(check):
    check("SOLVER.IMS_PER_BATCH", 6, "DATASETS.COMBINEALL", True)


def test_a_wrong_file_name_is_refused_in_a_training_set_only_before_training(check, draw, tmp_path):
    draw(tmp_path / MARKET / "bounding_box_train", "IMG_1.jpg")
    with pytest.raises(InputError, match="bounding_box_train/IMG_1.jpg"):
        check()
    check(training=False)


def test_a_test_split_that_cannot_be_scored_is_refused(check, tmp_path):
    for image in (tmp_path / DUKE / "bounding_box_test").glob("0003_*"):
        image.unlink()
    with pytest.raises(
        InputError, match=r"DG_DukeMTMC: 1 query identities have no gallery image by another camera \(3\)"
    ):
        check()


def test_fast_reids_own_data_sets_are_read_by_their_own_classes(check):
    check("DATASETS.NAMES", ("Market1501",), "DATASETS.TESTS", ("DukeMTMC",))


@pytest.mark.parametrize("name", ["VeRi", "MSMT17"])
def test_what_fast_reids_own_classes_raise_names_the_data_set(check, name):
    with pytest.raises(InputError, match=rf"fast-reid's {name} cannot be read below .* \((Runtime|Assertion)Error"):
        check("DATASETS.TESTS", (name,))


def test_an_odd_name_that_fast_reids_own_class_trips_over(check, draw, tmp_path):
    draw(tmp_path / MARKET / "query", "IMG_1.jpg")
    with pytest.raises(InputError, match="fast-reid's Market1501 cannot be read"):
        check("DATASETS.TESTS", ("Market1501",), training=False)
