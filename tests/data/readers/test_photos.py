import pytest

from dcac_fastreid.data.readers.photos import camera_in, check_cameras, read_photos
from dcac_fastreid.errors import InputError


@pytest.fixture
def make(tmp_path):
    """make(*paths): empty files; returns the folder of people."""

    def make(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(b"")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("cam2_0001", "2"),
        ("0002_c1s1_000451_03", "1"),
        ("IMG-Camera-03", "3"),
        ("0005_c2_f0046985", "2"),
        ("CAM12", "12"),
        ("cam_4 noon", "4"),
        ("IMG_2024", None),
        ("pic1", None),
        ("0001C1T0002", None),
        ("c", None),
        ("scam3", None),
        ("c3d", None),
    ],
)
def test_a_camera_is_a_word_of_the_name(name, camera):
    assert camera_in(name) == camera


def test_people_and_cameras_come_from_folders_and_names(make):
    folder = make(
        "ben/cam2_1.jpg", "anna/entrance/1.PNG", "anna/gate/1.webp", ".hidden/1.jpg", "anna/._1.jpg", "anna/note.txt"
    )
    photos = [(photo.person, photo.camera) for photo in read_photos(folder)[0]]
    assert photos == [("anna", "entrance"), ("anna", "gate"), ("ben", "2")]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (["0001.jpg", "anna/1.jpg"], "0001.jpg lies in no person's folder, expected PERSON/"),
        (["anna/readme.txt"], "holds no photo in a person's folder"),
        (["cam_a/anna/1.jpg", "cam_b/anna/1.jpg"], "are called as cameras, such as cam_a, expected a folder for each person"),
        (["anna/cam1/monday/1.jpg"], "anna/cam1/monday lies too deep"),
        (["Market/bounding_box_train/1.jpg", "Market/query/1.jpg"], "Market should be .* holds bounding_box_train, query as a"),
    ],
)  # fmt: skip
def test_an_order_that_leaves_the_person_open_is_refused(make, paths, message):
    with pytest.raises(InputError, match=message):
        read_photos(make(*paths))


def test_cameras_of_some_photos_alone_are_refused(make):
    folder = make("anna/cam1_1.jpg", "anna/2.jpg", "ben/cam1_1.jpg")
    with pytest.raises(
        InputError, match=r"1 of 3 photos in .* tell no camera \(first .*anna/2.jpg\), the others do, such as"
    ):
        check_cameras(folder, read_photos(folder)[0])


def test_folders_that_no_two_people_share_are_no_cameras(make):
    """As below a folder that holds folders of people: they would be taken for cameras of one person."""
    folder = make("photos/anna/1.jpg", "photos/ben/1.jpg")
    with pytest.raises(InputError, match="should be cameras, but no two people share one"):
        check_cameras(folder, read_photos(folder)[0])
    check_cameras(folder / "photos", read_photos(folder / "photos")[0])
