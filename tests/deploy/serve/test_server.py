"""What the search page's server answers, and what it refuses, over real connections."""

import hashlib
import io
import json
import os
import shutil
import socket
import sys
import time
import zlib
from urllib.parse import quote

import pytest
from PIL import Image

from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.search.answers import chance_words
from dcac_fastreid.deploy.search.vectors import Where
from dcac_fastreid.deploy.serve.application import LARGEST
from dcac_fastreid.deploy.serve.gallery_files import GalleryFiles
from dcac_fastreid.deploy.serve.server import HOST, listen
from dcac_fastreid.errors import InputError

from .conftest import start


def sha256(file) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def address(page, photo) -> str:
    return f"{page.search.number_of[photo]}-{sha256(photo)}"


def test_hits_are_those_of_the_search(page):
    photo = page.folder / "a_query.jpg"
    answer = page.json(f"/given/{page.give(photo)}/hits?k=7")
    (expected,) = page.search(photo, 7)
    assert answer["searched"] == 36 and answer["notes"] == page.search.notes().splitlines()
    names = [hit.photo.relative_to(page.gallery).as_posix() for hit in expected.hits]
    assert [hit["name"] for hit in answer["hits"]] == names
    assert [hit["photo"] for hit in answer["hits"]] == [address(page, hit.photo) for hit in expected.hits]
    assert [hit["similarity"] for hit in answer["hits"]] == pytest.approx([hit.similarity for hit in expected.hits])
    assert [hit["chance"] for hit in answer["hits"]] == [hit.chance for hit in expected.hits]
    assert [hit["camera"] for hit in answer["hits"]] == [hit.camera for hit in expected.hits]


def test_hits_are_filtered_by_camera_and_time(page):
    key = page.give(page.folder / "a_query.jpg", "asked_c2.jpg")
    cameras = page.json(f"/given/{key}/hits?k=100&camera=1&camera=3")
    (expected,) = page.search(page.folder / "a_query.jpg", 100, Where(frozenset({"1", "3"})))
    assert {hit["camera"] for hit in cameras["hits"]} == {"1", "3"}
    assert [hit["chance"] for hit in cameras["hits"]] == [hit.chance for hit in expected.hits]
    assert cameras["searched"] == len(cameras["hits"])
    other = page.json(f"/given/{key}/hits?k=100&not_query_camera=true")
    searched = other["searched"]
    assert "2" not in {hit["camera"] for hit in other["hits"]} and searched == len(other["hits"]) < 36
    best = other["hits"][0]
    chance = page.search.calibration.probability(best["similarity"], 1 / (searched + 1))
    assert best["chance"] == chance_words(float(chance)) and f"1 in {searched + 1}" in "".join(other["notes"])
    (hit,) = page.json(f"/given/{key}/hits?after=2024-01-31T23:00&before=2024-02-01")["hits"]
    assert (hit["camera"], hit["time"]) == ("9", "2024-01-31 23:59:59")


def test_a_camera_that_the_index_does_not_have_is_told(page):
    """It may have other names for the same cameras."""
    key = page.give(page.folder / "a_query.jpg", "asked_c77.jpg")
    answer = page.json(f"/given/{key}/hits?not_query_camera=true")
    assert answer["searched"] == 36
    assert answer["notes"][0].startswith(
        "The index has no photo by the query's camera, 77, so none is left out; its cam"
    )


def test_a_photo_of_the_gallery_has_the_camera_of_the_index(page):
    photo, copy = sorted(page.gallery.iterdir())[7], page.gallery / "entrance_c9_20240131_235959.jpg"
    camera = page.search.gallery.cameras[page.search.number_of[photo]]
    (given,) = page.json("/given?name=renamed_c5.jpg", "POST", photo.read_bytes())
    (again,) = page.json(f"/given/gallery/{address(page, photo)}", "POST")
    assert given["camera"] == again["camera"] == camera != "5"
    (given,) = page.json("/given?name=renamed_c5.jpg", "POST", copy.read_bytes())  # there under two cameras
    (again,) = page.json(f"/given/gallery/{address(page, copy)}", "POST")
    assert (given["camera"], again["camera"], again["name"]) == ("5", "9", copy.name)


def test_two_photos_are_compared_by_their_features(page, extract):
    one, other = page.folder / "a_query.jpg", min(page.gallery.iterdir())
    answer = page.json(f"/given/{page.give(one)}/compare/{page.give(other)}")
    features = extract([one, other]).numpy()
    assert answer["similarity"] == pytest.approx(float(features[0] @ features[1]), abs=1e-5)
    assert page.json(f"/given/{page.give(one)}/compare/{page.give(one)}")["chance"] in (">99 %", "99 %")


def test_what_cannot_be_answered_is_one_sentence(page):
    key = page.give(page.folder / "a_query.jpg")
    for parameters, expected in (
        ("camera=77", "the filters leave none of the 36 photos"),
        ("not_query_camera=true", "the camera of a_query.jpg is not known"),
        ("after=yesterday", "the time from which on to search is 'yesterday'; expected a time"),
        ("k=0", "k: "),
        ("k=many", "k: "),
        ("k=1001", "k: "),
    ):
        assert page.error(f"/given/{key}/hits?{parameters}").startswith(expected)
    assert "choose the photo again" in page.error("/given/nobody/hits", status=404)
    assert "choose the photo again" in page.error(f"/given/{key}/compare/nobody", status=404)


def png(width: int, height: int) -> bytes:
    """A file that says that it has so many pixels."""
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    content = bytearray(stream.getvalue())
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def drawing() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 128)).save(stream, "EPS")
    return stream.getvalue()


def test_wrong_files_are_refused_by_one_sentence(page):
    photo = (page.folder / "a_query.jpg").read_bytes()
    for name, content, expected in (
        ("notes.txt", b"no photo", "notes.txt cannot be read as an image: it is"),
        ("empty.jpg", b"", "empty.jpg cannot be read as an image: it is empty"),
        ("half.jpg", photo[: len(photo) // 2], "half.jpg cannot be read as an image: "),
        ("bomb.png", png(100_000, 100_000), "bomb.png cannot be read as an image: it has 10,000,000,000 pixels"),
        ("drawing.eps", drawing(), "drawing.eps cannot be read as an image: "),  # Pillow would run Ghostscript
        ("", b"", "photo cannot be read"),
    ):
        assert page.error(f"/given?name={name}", "POST", content).startswith(expected)


def test_an_upload_has_an_end(page):
    """Of a length that is told, and in parts whose number is not."""
    part = bytes(2**20)
    parts = (part for _ in range(LARGEST // len(part) + 8))
    assert "more than 32 MB" in page.error("/given?name=a.jpg", "POST", bytes(LARGEST + 1), 413)
    assert "more than 32 MB" in page.error("/given?name=a.jpg", "POST", parts, 413)


def test_an_upload_is_written_nowhere(page):
    """Whatever its name says."""
    opened = []
    photo, listening = (page.folder / "a_query.jpg").read_bytes(), True
    sys.addaudithook(lambda event, given: opened.append(given) if listening and event == "open" else None)
    (given,) = page.json("/given?name=../../../escaped.jpg", "POST", photo)
    listening = False  # a hook cannot be taken out
    written = [path for path, _, flags in opened if isinstance(path, str) and flags & (os.O_WRONLY | os.O_RDWR)]
    assert given["name"] == "../../../escaped.jpg" and written == []


def test_only_files_that_the_index_names_are_given(page):
    photo = max(page.gallery.iterdir())
    status, headers, content = page.ask(f"/gallery/{address(page, photo)}")
    assert (status, headers["content-type"], content) == (200, "image/jpeg", photo.read_bytes())
    status, headers, content = page.ask(f"/gallery/{address(page, photo)}/thumbnail")
    assert status == 200 and Image.open(io.BytesIO(content)).size == (64, 128)
    secret = page.gallery / "new.jpg"
    secret.write_bytes((page.folder / "a_query.jpg").read_bytes())
    number, other = page.search.number_of[photo], sha256(secret)
    for path in (
        other,
        f"{number}-{other}",
        f"-1-{sha256(photo)}",
        f"99999-{sha256(photo)}",
        f"{'9' * 30}-{other}",
        quote("\u0661-a"),
        secret.name,
        "..%2fa_query.jpg",
        "%2e%2e/a_query.jpg",
        "/etc/passwd",
        "%2fetc%2fpasswd",
    ):
        for suffix in ("", "/thumbnail"):
            status, _, content = page.ask(f"/gallery/{path}{suffix}")
            assert status == 404 and set(json.loads(content)) == {"error"}, path
    secret.unlink()


def test_a_file_that_has_changed_is_not_given(page):
    photo = sorted(page.gallery.iterdir())[5]
    before, name = photo.read_bytes(), address(page, photo)
    photo.write_bytes((page.folder / "a_query.jpg").read_bytes())
    assert f"{photo.name} has changed since it was indexed" in page.error(f"/gallery/{name}", status=404)
    photo.unlink()
    assert f"{photo.name} is gone" in page.error(f"/gallery/{name}/thumbnail", status=404)
    os.mkfifo(photo)
    assert f"{photo.name} is gone" in page.error(f"/gallery/{name}", status=404)
    photo.unlink()
    photo.write_bytes(before)
    assert page.ask(f"/gallery/{name}")[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", "localhost.", "[::1]", ""]
)
def test_another_host_is_refused(page, host):
    """As a page of the network that lets its own name lead here."""
    for path in ("/", "/about", "/gallery/x"):
        status, headers, content = page.ask(path, headers={"Host": host})
        assert status == 403 and b"for this machine alone" in content and headers["x-content-type-options"] == "nosniff"


def test_both_names_of_this_machine_are_answered(page):
    for host in ("localhost:1234", "127.0.0.1", "localhost"):
        assert page.ask("/about", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_is_refused(page, headers):
    photo = (page.folder / "a_query.jpg").read_bytes()
    for method, path, body in (("POST", "/given?name=a.jpg", photo), ("GET", "/about", None)):
        status, answer, content = page.ask(path, method, body, headers)
        assert status == 403 and b"another page has sent this" in content
        assert "access-control-allow-origin" not in answer
    own = {"Origin": page.address, "Sec-Fetch-Site": "same-origin"}
    assert page.ask("/given?name=a.jpg", "POST", photo, own)[0] == 200


def test_a_browser_may_load_and_send_nothing_elsewhere(page):
    photo = address(page, min(page.gallery.iterdir()))
    for path in ("/", "/serve.js", "/about", "/nowhere", "/favicon.ico", f"/gallery/{photo}"):
        _, headers, _ = page.ask(path)
        assert headers["cache-control"] == "no-store"  # no photo of a person stays in a browser
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["cross-origin-resource-policy"] == "same-origin" and "server" not in headers
    for path in ("/docs", "/redoc", "/openapi.json"):  # they load scripts from the network
        assert page.ask(path)[0] == 404
    for path in ("/", "/serve.js", "/serve.css", "/style.css"):
        assert b"://" not in page.ask(path)[2]


def test_it_listens_on_this_machine_alone_and_a_port_in_use_is_told():
    with listen(0) as taken:
        host, port = taken.getsockname()
        assert host == HOST == "127.0.0.1"
        with pytest.raises(InputError, match=f"port {port} cannot be opened .*; name another one by --port"):
            listen(port)


def test_a_fault_of_the_server_is_one_sentence_too(page, monkeypatch, caplog):
    monkeypatch.setattr(type(page.search), "hits", lambda *_: 1 / 0)
    key = page.give(page.folder / "a_query.jpg")
    status, headers, content = page.ask(f"/given/{key}/hits")
    assert status == 500 and json.loads(content) == {"error": "the server failed; the terminal where it runs shows why"}
    assert headers["cache-control"] == "no-store" and "ZeroDivisionError" in caplog.text


def test_an_upload_that_is_broken_off_is_no_fault(page, caplog):
    with socket.create_connection(page.address.removeprefix("http://").split(":")) as connection:
        head = f"POST /given?name=a.jpg HTTP/1.1\r\nHost: {page.address[7:]}\r\nContent-Length: 99999\r\n\r\n"
        connection.sendall(head.encode() + b"ab")
    page.json("/about")
    time.sleep(0.2)
    assert "could not answer" not in caplog.text


def test_a_phones_photo_with_a_second_image_is_shown_as_jpeg(page):
    stream = io.BytesIO()
    Image.new("RGB", (64, 128)).save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert Image.open(stream).format == "MPO"
    assert GalleryFiles(page.search.gallery).media_type(stream.getvalue()) == "image/jpeg"


def test_the_people_on_a_whole_photo_are_given_one_by_one(page, detector_weights, index, tmp_path):
    with_detector = start(index, page.folder, detector=PersonDetector(detector_weights, "cpu"))
    for colour in ("white", "black"):
        Image.new("RGB", (640, 480), colour).save(tmp_path / f"{colour}_c3.png")
    given = with_detector.json("/given?name=white_c3.png", "POST", (tmp_path / "white_c3.png").read_bytes())
    assert [(photo["camera"], photo["hint"]) for photo in given] == [("3", ""), ("3", "")]
    _, _, small = with_detector.ask(f"/given/{given[0]['key']}/thumbnail")
    assert Image.open(io.BytesIO(small)).size == pytest.approx((192, 336), abs=2)
    nobody = with_detector.error("/given?name=black_c3.png", "POST", (tmp_path / "black_c3.png").read_bytes())
    assert "finds nobody on 1 photo, black_c3.png" in nobody
    assert len(with_detector.json("/given?name=a.jpg", "POST", (page.folder / "a_query.jpg").read_bytes())) == 1


def test_old_photos_are_forgotten(page, monkeypatch):
    monkeypatch.setattr("dcac_fastreid.deploy.serve.given_photos.KEPT", 2)
    keys = [page.give(page.folder / "a_query.jpg") for _ in range(3)]
    assert "choose the photo again" in page.error(f"/given/{keys[0]}/hits", status=404)
    assert [page.ask(f"/given/{key}/thumbnail")[0] for key in keys[1:]] == [200, 200]


def test_a_photo_that_is_no_crop_has_its_hint(page, tmp_path):
    Image.new("RGB", (640, 360)).save(tmp_path / "wide.jpg")
    (given,) = page.json("/given?name=wide.jpg", "POST", (tmp_path / "wide.jpg").read_bytes())
    assert "wider than tall (640 x 360)" in given["hint"]
    shutil.rmtree(tmp_path)
