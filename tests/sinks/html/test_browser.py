"""The page in a real browser: wide and narrow, light, dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browsers import browser, complaints, prefer, size
from tests.support.finance import YEAR_END, put_hostile, put_year
from tests.support.running import run

pytestmark = pytest.mark.needs_program("chromium", "chromedriver")

PAPER = 703
"""Pixels between the margins of a sheet of A4."""
CONTRAST = """
const seen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const light = (colour) => {
  seen.fillStyle = colour; seen.fillRect(0, 0, 1, 1);
  return [...seen.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
};
const ground = (one) => {
  for (; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (!colour.startsWith("rgba(0, 0, 0, 0")) return colour;
  }
  return "white";
};
return [...document.querySelectorAll("h1, h2, p, th, td, dd, dt, small, a, summary, figcaption")]
  .filter((one) => one.checkVisibility() && one.textContent.trim())
  .map((one) => {
    const pair = [light(getComputedStyle(one).color), light(ground(one))];
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }).reduce((least, one) => Math.min(least, one), 21);
"""


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    """Run a browser."""
    with browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the page of a year, and that of names that nobody should trust."""
    place = tmp_path_factory.mktemp("pages")
    sources = {"year": put_year(place / "year"), "hostile": put_hostile(place / "hostile")}
    for name, source in sources.items():
        out = ["--out", str(place / f"{name}.html"), "--now", YEAR_END, "--prices", "default"]
        run(["export", "html", str(source), *out, "--allow-incomplete"])
    return {name: place / f"{name}.html" for name in sources}


@pytest.mark.parametrize("name", ["year", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_it_fits_asks_for_nothing_and_complains_of_nothing(
    chrome: Chrome, pages: dict[str, Path], width: int, scheme: str, name: str
) -> None:
    """Nothing is wider than the window, nothing is fetched or run, and all text can be read."""
    size(chrome, width, 900)
    prefer(chrome, scheme)
    chrome.get(pages[name].as_uri())
    assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
    assert chrome.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert chrome.title.startswith("Usage and cost, 2024-11-01 to ")
    assert chrome.execute_script(CONTRAST) >= 4.5
    assert complaints(chrome) == []


def test_charts_and_tables_say_what_they_are(chrome: Chrome, pages: dict[str, Path]) -> None:
    """Each chart is an image with a title, each table has a caption, and heads have a scope."""
    chrome.get(pages["year"].as_uri())
    charts = chrome.find_elements(By.CSS_SELECTOR, "svg[role=img]")
    assert len(charts) == 4
    names = [one.accessible_name for one in charts]
    assert names[0].startswith("Billed in USD, by month and project")
    assert names[3].startswith("Tokens in and out, by day and model")
    assert chrome.find_elements(By.CSS_SELECTOR, "th:not([scope]), table:not(:has(caption))") == []
    assert chrome.find_elements(By.CSS_SELECTOR, "section:has(.chart):not(:has(table))") == []
    assert chrome.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    heads = chrome.find_elements(By.CSS_SELECTOR, "h1, h2")
    assert [one.tag_name for one in heads].count("h1") == 1


@pytest.mark.parametrize("name", ["year", "hostile"])
def test_paper_clips_nothing_and_shows_what_is_folded(
    chrome: Chrome, pages: dict[str, Path], name: str
) -> None:
    """On paper no table is wider than the sheet, the files are listed, and colours are light."""
    size(chrome, PAPER, 900)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    command = "Emulation.setEmulatedMedia"
    chrome.execute_cdp_cmd(command, {"media": "print", "features": features})
    try:
        chrome.get(pages[name].as_uri())
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= PAPER
        assert chrome.find_element(By.ID, "files").size["height"] > 0
        assert not chrome.find_element(By.TAG_NAME, "nav").is_displayed()
        ink = "return getComputedStyle(document.body).color"
        assert chrome.execute_script(ink) == "rgb(29, 36, 48)"
    finally:
        chrome.execute_cdp_cmd(command, {"media": ""})
