"""A search page of the tiny synthetic data set, served on a free port by the real server."""

import json
import shutil
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from dcac_fastreid.deploy.search.feature_folder import extract_folder
from dcac_fastreid.deploy.search.known_people import people_of_dataset
from dcac_fastreid.deploy.search.search import Search, calibrate_index
from dcac_fastreid.deploy.serve.server import address_of, listen, serve


class Page(NamedTuple):
    """search: of the same index, in this process. gallery: its folder; a_query.jpg and other files lie in `folder`."""

    address: str
    search: Search
    gallery: Path
    folder: Path

    def ask(self, path: str, method: str = "GET", body=None, headers: dict | None = None) -> tuple[int, dict, bytes]:
        """Status, headers (names in small letters) and content of the answer."""
        connection = HTTPConnection(self.address.removeprefix("http://"), timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, path: str, method: str = "GET", body=None, status: int = 200):
        found, _, content = self.ask(path, method, body)
        assert found == status, content
        return json.loads(content)

    def error(self, path: str, method: str = "GET", body=None, status: int = 400) -> str:
        """The sentence of a refusal."""
        sentence = self.json(path, method, body, status)["error"]
        assert "\n" not in sentence and sentence
        return sentence

    def give(self, file: Path, name: str = "") -> str:
        """Gives a photo of one person; its key."""
        (given,) = self.json(f"/given?name={name or file.name}", "POST", file.read_bytes())
        return given["key"]


def start(index: Path, folder: Path, **options) -> Page:
    search, listening = Search(index, device="cpu"), listen(0)
    threading.Thread(target=serve, args=(listening, search), kwargs=options, daemon=True).start()
    page = Page(address_of(listening), search, search.gallery.images, folder)
    page.json(
        "/about"
    )  # then all is imported whose loggers pytest, which goes through them at each test, might meet half made
    return page


@pytest.fixture(scope="module")
def page(extract, tiny_data, tmp_path_factory) -> Page:
    """36 photos of a calibrated index, by cameras, one with a time, in the folder `gallery`; and `a_query.jpg`."""
    folder = tmp_path_factory.mktemp("page")
    market = tiny_data / "Market-1501-v15.09.15"
    gallery = shutil.copytree(market / "bounding_box_test", folder / "gallery")
    photos = sorted(gallery.iterdir())
    shutil.copy(photos[0], gallery / "entrance_c9_20240131_235959.jpg")
    shutil.copy(min((market / "query").iterdir()), folder / "a_query.jpg")
    extract_folder(extract, gallery, folder / "index")
    people = people_of_dataset("DG_Market1501", str(tiny_data))
    calibrate_index(folder / "index", people, 0.1, device="cpu")
    return start(folder / "index", folder)
