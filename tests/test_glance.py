"""The page at / in a real browser: it shows how everything stands, and runs nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browsers import browser, complaints, prefer, size
from tests.daemons import Daemon, daemon
from tests.pages import bucket, page, put_all, used

FIXTURES = Path(__file__).parent.parent / "fixtures"
ODD = '<script>document.title = "taken"</script>"&'
NARROW = 390

pytestmark = [pytest.mark.needs_program("chromium"), pytest.mark.needs_program("chromedriver")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon over the fixtures, a page that is broken, and names that would be markup."""
    place = tmp_path_factory.mktemp("glance")
    shutil.copytree(FIXTURES, place / "pages")
    odd = page(bucket(used(3, project_id=ODD)), cursor="page_two")
    put_all(place / "pages", {"usage_completions_odd.json": odd, "usage_images_bad.json": "{}"})
    with daemon(place) as found:
        found.until(lambda: found.value("usage_stream_relationship_issues") > 0, "the report")
        yield found


@pytest.fixture(scope="module")
def seen(running: Daemon) -> Iterator[Chrome]:
    """Open the page in a browser."""
    with browser() as driver:
        driver.get(f"http://127.0.0.1:{running.port}/")
        yield driver


def cells(driver: Chrome, table: str) -> list[list[str]]:
    """Read a table's rows."""
    rows = driver.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr")
    return [[one.text for one in row.find_elements(By.TAG_NAME, "td")] for row in rows]


def test_it_shows_projects_and_tiers(seen: Chrome) -> None:
    """Tokens and requests stand by project and service tier, as the report counts them."""
    found = {tuple(row[:2]): row[2:] for row in cells(seen, "keys")}
    assert found["proj_alpha", "standard"] == ["3,548", "912", "32"]
    assert found["proj_beta", "scale"] == ["1,664", "416", "16"]


def test_it_shows_chains_with_cursor_and_lag(seen: Chrome) -> None:
    """Each chain has its cursor, its watermark, its lag, and how it stands."""
    (costs,) = [row for row in cells(seen, "chains") if row[1] == "costs"]
    assert costs[2:4] == ["primary", "2"]
    assert costs[5:] == ["2024-11-03 00:00:00", "59 d", "whole"]
    (odd,) = [row for row in cells(seen, "chains") if row[2] == "odd"]
    assert odd[4] == "page_two"
    assert "waits for its next page" in odd[7]


def test_it_shows_outcomes_and_errors(seen: Chrome) -> None:
    """What became of rows stands by endpoint, and what went wrong last is named."""
    found = {row[0]: row[1:] for row in cells(seen, "outcomes")}
    assert found["costs"][0] == "3"
    assert any("usage_images_bad.json" in " ".join(row) for row in cells(seen, "errors"))


def test_what_came_from_outside_is_text(seen: Chrome) -> None:
    """A name that would be a script is shown, and not run; the browser complains of nothing."""
    assert any(row[0] == ODD for row in cells(seen, "keys"))
    assert seen.title == "usage-stream"
    assert complaints(seen) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone(seen: Chrome, scheme: str) -> None:
    """Narrow, in either scheme, the page is no wider than the screen."""
    prefer(seen, scheme)
    size(seen, NARROW, 800)
    assert seen.execute_script("return document.documentElement.scrollWidth") <= NARROW
