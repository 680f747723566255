"""The search page in a browser, as its reader uses it."""

import shutil

import pytest
from PIL import Image

from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.serve.application import LARGEST

from ...pages.chromium import start_or_skip
from .conftest import start

TILES = "document.querySelectorAll('#hits .tile').length"
ABOVE = "document.querySelectorAll('#hits .tile.above').length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with start_or_skip(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def text(browser, selector: str) -> str:
    return browser.evaluate(f"document.querySelector('{selector}').textContent")


def opened(browser, page, width: int = 1300):
    assert browser.open(f"{page.address}/", width) == []
    browser.wait_until("document.title.startsWith('Search in')")
    return browser


def searched(browser, page, width: int = 1300):
    opened(browser, page, width).choose_file("#query-file", page.folder / "a_query.jpg")
    browser.wait_until(f"{TILES} === 36")
    return browser


@pytest.mark.parametrize("width", [390, 1300])
def test_a_photo_is_searched_on_a_phone_and_a_large_screen(browser, page, width, tmp_path):
    searched(browser, page, width)
    (answer,) = page.search(page.folder / "a_query.jpg", 36)
    similarities = [f"similarity {hit.similarity:.3f}" for hit in answer.hits]
    shown = "[...document.querySelectorAll('#hits .tile')].map((tile) => tile.children[2].textContent)"
    assert browser.evaluate(shown) == similarities
    assert browser.evaluate(ABOVE) == sum(hit.above_threshold for hit in answer.hits)
    assert "most similar of 36 photos" in text(browser, "#verdict")
    browser.evaluate("document.querySelectorAll('img').forEach((image) => image.setAttribute('loading', 'eager'))")
    browser.wait_until("[...document.images].every((image) => image.naturalWidth)")
    assert browser.faults() == []
    browser.evaluate("document.querySelector('#show-compare').click()")
    assert browser.faults() == []
    browser.screenshot(tmp_path / "page.png")
    assert {address.split("/")[2] for address in browser.addresses()} == {page.address.removeprefix("http://")}


def test_the_slider_shows_its_false_match_rate_and_marks_the_hits(browser, page):
    searched(browser, page)
    rates = page.search.calibration.rates
    for value, point in ((0.9, 950), (0.5, 750)):
        slide = f"s.min = -1; s.value = {value}; s.dispatchEvent(new Event('input'))"
        browser.evaluate(f"((s) => {{ {slide} }})(document.querySelector('#threshold'))")
        (answer,) = page.search(page.folder / "a_query.jpg", 36)
        assert text(browser, "#threshold-value") == f"{value:.3f}"
        assert browser.evaluate(ABOVE) == sum(hit.similarity >= value for hit in answer.hits)
        share = float(f"{100 * rates['false_match_rate'][point]:.2g}")
        expected = f"False-match rate {share:g} %" if share >= 1 else "False-match rate less than"
        assert text(browser, "#rates").startswith(expected)


def test_filters_limit_the_search(browser, page):
    searched(browser, page)
    browser.evaluate("document.querySelector('#cameras input[value=\"1\"]').click()")
    ones = page.search.gallery.cameras.count("1")
    browser.wait_until(f"{TILES} === {ones}")
    assert f"{ones} photos" in text(browser, "#verdict") and ones < 36
    assert f"1 in {ones + 1}" in text(browser, "#notes")
    browser.evaluate("document.querySelector('#cameras input[value=\"1\"]').click()")
    browser.wait_until(f"{TILES} === 36")
    browser.evaluate(
        "(() => { const a = document.querySelector('#after'); a.value = '2024-01-31T00:00';"
        " a.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    browser.wait_until(f"{TILES} === 1")


def test_a_hit_becomes_the_query(browser, page):
    searched(browser, page)
    name = browser.evaluate("document.querySelector('#hits .tile:nth-child(3) .name').textContent")
    browser.evaluate("document.querySelector('#hits .tile:nth-child(3) button').click()")
    browser.wait_until(f"document.querySelector('#query .name').textContent === '{name}'")
    browser.wait_until("document.querySelector('#hits .tile').children[2].textContent === 'similarity 1.000'")
    assert browser.evaluate("document.querySelector('#own-camera').hidden") is False


def test_a_wrong_file_is_told_and_the_page_goes_on(browser, page, tmp_path):
    opened(browser, page)
    (tmp_path / "notes.jpg").write_text("no photo")
    browser.choose_file("#query-file", tmp_path / "notes.jpg")
    browser.wait_until("!document.querySelector('#error').hidden")
    assert text(browser, "#error").startswith("notes.jpg cannot be read as an image: ")
    browser.choose_file("#query-file", page.folder / "a_query.jpg")
    browser.wait_until(f"{TILES} === 36")
    assert browser.evaluate("document.querySelector('#error').hidden") is True


def test_a_photo_that_is_too_large_is_told_before_it_is_sent(browser, page, tmp_path):
    with open(tmp_path / "large.jpg", "wb") as stream:
        stream.truncate(LARGEST + 1)
    opened(browser, page).choose_file("#query-file", tmp_path / "large.jpg")
    browser.wait_until("!document.querySelector('#error').hidden")
    assert text(browser, "#error").startswith("large.jpg has more than 32 MB; shrink it")


def test_the_calibrated_threshold_can_be_set_again(browser, page):
    opened(browser, page)
    before = text(browser, "#rates")
    browser.evaluate(
        "(() => { const s = document.querySelector('#threshold'); s.value = s.max; s.dispatchEvent(new Event('input')); })()"
    )
    assert text(browser, "#rates") != before
    browser.evaluate("document.querySelector('#calibrated').click()")
    assert text(browser, "#rates") == before
    assert browser.evaluate("document.querySelector('#calibrated').hidden") is True


def test_names_are_shown_as_text(browser, page, tmp_path):
    name = "<img src=x onerror=document.title='taken'>.jpg"
    shutil.copy(page.folder / "a_query.jpg", tmp_path / name)
    opened(browser, page).choose_file("#query-file", tmp_path / name)
    browser.wait_until(f"{TILES} === 36")
    assert text(browser, "#query .name") == name and "taken" not in browser.evaluate("document.title")


def test_two_photos_are_compared(browser, page):
    opened(browser, page).evaluate("document.querySelector('#show-compare').click()")
    browser.choose_file("#one-file", page.folder / "a_query.jpg")
    browser.choose_file("#other-file", page.folder / "a_query.jpg")
    browser.wait_until("document.querySelector('#comparison').textContent !== ''")
    assert text(browser, "#comparison").startswith("Similarity 1.000: above the threshold")
    assert "Chance that both photos show one person: " in text(browser, "#comparison")


def test_without_a_calibration_the_page_ranks_and_says_so(browser, index, page):
    plain = start(index, page.folder)
    opened(browser, plain).choose_file("#query-file", page.folder / "a_query.jpg")
    browser.wait_until(f"{TILES} === 35")
    assert browser.evaluate("document.querySelector('#threshold-section').hidden") is True
    assert "No threshold is known" in text(browser, "#verdict") and "same person" not in text(browser, "#hits")
    assert browser.evaluate(ABOVE) == 0 and "not calibrated" in text(browser, "#notes")


def test_one_of_the_people_on_a_whole_photo_is_chosen(browser, index, page, detector_weights, tmp_path):
    with_detector = start(index, page.folder, detector=PersonDetector(detector_weights, "cpu"))
    Image.new("RGB", (640, 480), "white").save(tmp_path / "street.png")
    opened(browser, with_detector, 390).choose_file("#query-file", tmp_path / "street.png")
    browser.wait_until(f"{TILES} === 35")
    assert "2 people are on this photo; choose one." in text(browser, "#query")
    browser.evaluate("document.querySelectorAll('#query button')[1].click()")
    browser.wait_until("document.querySelectorAll('#query button')[1].getAttribute('aria-pressed') === 'true'")
    assert browser.faults() == []
