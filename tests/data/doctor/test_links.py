import json
import shutil

import pytest

from dcac_fastreid.data.doctor import diagnose
from dcac_fastreid.data.doctor.found import MARK
from dcac_fastreid.data.doctor.links import linked_before
from dcac_fastreid.data.readers.description import describe_synthetic
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError


@pytest.fixture
def market(lay_out_as):
    return lay_out_as("Market of DCAC")


def test_links_are_absolute_and_noted(market, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    diagnose("data", link_to="linked", quick=True)
    link = tmp_path / "linked" / "Market-1501-v15.09.15"
    assert link.readlink() == market
    assert json.loads((tmp_path / "linked" / MARK).read_text()) == {"Market-1501-v15.09.15": str(market)}
    (tmp_path / "linked").rename(tmp_path / "moved")
    assert len(read_dataset("DG_Market1501", str(tmp_path / "moved")).train) == 4


def test_the_mark_of_a_synthetic_data_set_is_linked_where_nothing_else_is(tiny_data, market, tmp_path):
    linked = tmp_path / "linked"
    for _ in range(2):
        diagnose(tiny_data / "DukeMTMC-reID", link_to=linked, quick=True)
        assert describe_synthetic(str(linked)) == describe_synthetic(str(tiny_data)) is not None
    diagnose(tiny_data / "cuhk03-np", link_to=linked, quick=True)
    assert describe_synthetic(str(linked)) is not None
    diagnose(market, link_to=linked, quick=True)
    assert describe_synthetic(str(linked)) is None


def test_a_second_call_keeps_the_links_and_adds_others(lay_out_as, market, tmp_path):
    linked = tmp_path / "linked"
    diagnose(market, link_to=linked, quick=True)
    made = (linked / "Market-1501-v15.09.15").lstat().st_ino
    lay_out_as("PRID of its owners")
    report, _ = diagnose(tmp_path / "data", link_to=linked, quick=True)
    assert report.can_start and (linked / "Market-1501-v15.09.15").lstat().st_ino == made
    assert len(read_dataset("PRID", str(linked)).train) == 4


def test_links_below_the_data_root_are_not_found_as_data_sets(market, tmp_path):
    for _ in range(2):
        report, root = diagnose(tmp_path / "data", link_to=tmp_path / "data" / "linked", quick=True)
        assert [found.folder for found in report.data_sets] == [market] and report.can_start
    report, _ = diagnose(root, quick=True)
    assert report.can_start and report.data_sets[0].root == root


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("other", r"--link .*other holds something else \(mine.txt\); name a new or empty folder"),
        ("other/mine.txt", "--link leads to .*mine.txt, but .*mine.txt is a file; name a new"),
        ("data/Market1501/linked", "lies in .*Market1501, whose content is not touched; name another"),
        ("data", r"--link .*data holds something else \(Market1501\)"),
    ],
)
def test_a_folder_of_others_is_refused_and_stays(market, tmp_path, folder, message):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=message):
        diagnose(tmp_path / "data", link_to=tmp_path / folder, quick=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_another_copy_is_not_linked_in_its_place(market, tmp_path):
    diagnose(market, link_to=tmp_path / "linked", quick=True)
    other = shutil.copytree(market, tmp_path / "other" / "Market1501")
    with pytest.raises(InputError, match=f"is linked to {market} already, so {other} cannot be linked"):
        diagnose(other, link_to=tmp_path / "linked", quick=True)
    assert (tmp_path / "linked" / "Market-1501-v15.09.15").readlink() == market


def test_of_two_copies_one_is_linked_and_the_other_named(market, tmp_path):
    shutil.copytree(market, market.with_name("market1501"))
    report, _ = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    (note,) = [
        finding for found in report.data_sets for finding in found.findings if "is not linked" in finding.sentence
    ]
    assert note.kind == "place"


def test_no_link_is_made_inside_of_a_linked_folder(lay_out_as, tmp_path):
    """CUHK02 goes to person_folders/train; where person_folders is a link, that lies among one's own photos."""
    photos = lay_out_as("own photos")
    lay_out_as("CUHK02")
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    assert sum("is not linked" in finding.sentence for found in report.data_sets for finding in found.findings) == 1
    assert sorted(path.name for path in photos.iterdir()) == ["anna", "ben", "carl"]
    with pytest.raises(InputError, match="is linked to .* already"):
        diagnose(photos, link_to=root, quick=True)


def test_what_is_not_complete_is_not_linked(market, tmp_path):
    shutil.rmtree(market / "query")
    report, root = diagnose(market, link_to=tmp_path / "linked", quick=True)
    assert not report.can_start and [path.name for path in root.iterdir()] == [MARK]


def test_an_image_of_a_wrong_name_is_linked_once_it_is_renamed(lay_out_as, draw_all, tmp_path):
    """Each image has a link of its own, which a second call does not make again."""
    folder = lay_out_as("PRID of its owners")
    draw_all("data/prid2011/single_shot/cam_a", "wrong.png")
    report, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    assert [finding.kind for finding in report.data_sets[0].findings if finding.stops] == ["name"]
    (folder / "single_shot" / "cam_a" / "wrong.png").rename(folder / "single_shot" / "cam_a" / "person_0002.png")
    assert diagnose(tmp_path / "data", link_to=root, quick=True)[0].can_start
    assert len(read_dataset("PRID", str(root)).train) == 5


def test_a_folder_for_links_is_refused_before_images_are_opened(market, tmp_path, monkeypatch):
    monkeypatch.setattr("dcac_fastreid.data.images.Image.open", lambda file: pytest.fail("opened"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file is a file"):
        diagnose(market, link_to=tmp_path / "file")


def test_what_a_killed_call_left_is_made_again(lay_out_as, tmp_path):
    lay_out_as("PRID of its owners")
    _, root = diagnose(tmp_path / "data", link_to=tmp_path / "linked", quick=True)
    (root / "prid_2011").rename(root / "prid_2011.unfinished")
    next((root / "prid_2011.unfinished").rglob("*.png")).unlink()
    (root / f"{MARK}.999999999-00000000-0.unfinished").touch()  # of today's form, in a write of the mark
    diagnose(tmp_path / "data", link_to=root, quick=True)
    assert len(read_dataset("PRID", str(root)).train) == 4 and not list(root.glob("*.unfinished"))


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"": "a"}', '{".": "a"}', "\\xff", "[" * 100_000])
def test_a_damaged_record_of_what_was_linked_is_one_sentence(tmp_path, content):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / MARK).write_text(content)
    with pytest.raises(
        InputError, match=f"^[^\n]*{MARK} is damaged, so what was linked there is not known; name a new"
    ):
        linked_before(tmp_path / "linked")


def test_an_empty_name_is_no_folder(tmp_path):
    for arguments in ({"path": ""}, {"path": tmp_path, "link_to": ""}):
        with pytest.raises(InputError, match="is empty; name a folder"):
            diagnose(**arguments)
