"""The daemon's page in a real browser: what it shows, how it looks, and what it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.support.browsers import browser, complaints, prefer, size
from tests.support.daemons import Daemon, daemon
from tests.support.pages import bucket, listed, page, put, put_all, used

pytestmark = pytest.mark.needs_program("chromium", "chromedriver")

SCRIPT = '<script>document.title = "ran"</script>'
IMAGE = 'x<img src=x onerror=document.title="ran">'
NARROW = 390
LONG = "p" * 200


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon over sound, broken, unfinished and hostile pages."""
    place = tmp_path_factory.mktemp("running")
    rows = [
        used(1_000_000, output_tokens=3, num_model_requests=2, project_id="p", service_tier="flex"),
        used(234_567, project_id="p", service_tier="flex", model="m"),
        used(8, project_id=SCRIPT),
        used(9, project_id=LONG),
        used(-1),
    ]
    put_all(
        place / "pages",
        {
            "usage_completions.json": page(bucket(*rows), cursor="cursor-2"),
            f"usage_embeddings_{IMAGE}.json": page(bucket(used(5), day=1)),
            "costs.json": "no JSON",
            "projects.json": listed({"id": "p"}),
        },
    )
    with daemon(place) as found:
        found.until(lambda: found.value("usage_stream_dead_letters_total") == 2, "dead letters")
        found.until(lambda: found.value("usage_stream_relationship_issues") > 0, "the report")
        yield found


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    """Run a browser."""
    with browser() as driver:
        yield driver


@pytest.fixture
def shown(running: Daemon, chrome: Chrome) -> Iterator[Chrome]:
    """Open the page; afterwards nothing may have been written to the console."""
    size(chrome, 1200, 900)
    prefer(chrome, "light")
    chrome.get(f"http://127.0.0.1:{running.port}/")
    yield chrome
    assert complaints(chrome) == []


def table(driver: Chrome, name: str) -> list[dict[str, str]]:
    """Return the rows of a table, by the heads of its columns."""
    found = driver.find_element(By.ID, name)
    heads = [cell.text for cell in found.find_elements(By.CSS_SELECTOR, "thead th")]
    rows = [
        [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
        for row in found.find_elements(By.CSS_SELECTOR, "tbody tr")
    ]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def text(driver: Chrome, name: str) -> str:
    """Return the text of an element."""
    return driver.find_element(By.ID, name).text


def value_of(driver: Chrome, script: str) -> Any:
    """Return what an expression is worth on the page."""
    return driver.execute_script(f"return {script}")


def test_it_shows_how_the_daemon_stands(shown: Chrome) -> None:
    """The head says whether the daemon is ready, and how much it holds."""
    assert text(shown, "state") == "ready"
    assert text(shown, "records") == "5"
    assert int(text(shown, "issues")) > 0
    assert shown.title == "usage-stream"


def test_it_shows_totals_by_project_and_tier(shown: Chrome) -> None:
    """Tokens and requests are added up by project and service tier, the greatest first."""
    rows = table(shown, "keys")
    assert rows[0] == {
        "project": "p",
        "service tier": "flex",
        "input tokens": "1,234,567",
        "output tokens": "3",
        "requests": "2",
    }
    others = {(row["project"], row["input tokens"], row["requests"]) for row in rows[1:]}
    assert others == {(SCRIPT, "8", "–"), (LONG, "9", "–"), ("unspecified", "5", "–")}


def test_it_shows_each_chain(shown: Chrome) -> None:
    """A chain has its cursor, watermark and lag, and says what it waits for."""
    chains = {row["endpoint"]: row for row in table(shown, "chains")}
    assert chains.keys() == {"usage/completions", "usage/embeddings", "costs", "projects"}
    assert chains["usage/completions"] == {
        "source": "–",
        "endpoint": "usage/completions",
        "label": "primary",
        "pages": "1",
        "cursor": "cursor-2",
        "watermark": "2024-11-02 00:00:00",
        "lag": "60 d",
        "standing": "waits for its next page, 1 dead letter",
    }
    embeddings = chains["usage/embeddings"]
    assert (embeddings["label"], embeddings["cursor"]) == (IMAGE, "–")
    assert (embeddings["lag"], embeddings["standing"]) == ("59 d", "whole")
    assert chains["projects"]["watermark"] == "–"
    assert "1 dead letter" in chains["costs"]["standing"]


def test_it_shows_bad_chains_first(shown: Chrome) -> None:
    """What is wrong is on top, and in another colour."""
    standings = [row["standing"] for row in table(shown, "chains")]
    assert ["dead letter" in one for one in standings] == [True, True, False, False]
    colours = {
        value_of(shown, f"getComputedStyle(document.querySelector('{selector}')).color")
        for selector in ("#chains .wrong", "#issues", "#errors .wrong")
    }
    assert colours == {"rgb(179, 38, 30)"}


def test_it_shows_outcomes(shown: Chrome) -> None:
    """Each row's outcome is counted by endpoint."""
    rows = {row["endpoint"]: row for row in table(shown, "outcomes")}
    assert rows["usage/completions"] == {
        "endpoint": "usage/completions",
        "new": "4",
        "duplicate": "–",
        "revised": "–",
        "superseded": "–",
        "dead lettered": "1",
    }
    assert rows["usage/embeddings"]["new"] == "1"


def test_it_shows_the_last_errors(shown: Chrome) -> None:
    """What was set aside is named by its file, with the time."""
    said = text(shown, "errors")
    assert "2025-01-01 00:00:00 usage_completions.json: 1 set aside, see " in said
    assert "2025-01-01 00:00:00 costs.json: 1 set aside, see " in said


def test_it_runs_nothing_that_came_from_outside(shown: Chrome) -> None:
    """Names that look like HTML are shown as they are, and no script or image comes of them."""
    assert SCRIPT in text(shown, "keys")
    assert IMAGE in text(shown, "chains")
    assert shown.find_elements(By.CSS_SELECTOR, "script, img") == []
    assert shown.title == "usage-stream"


def test_the_policy_stops_what_escaping_would_miss(shown: Chrome) -> None:
    """Even a script that got onto the page would not run, and the browser says why."""
    value_of(
        shown,
        "document.body.append(Object.assign(document.createElement('script'), "
        "{textContent: 'document.title = \"ran\"'}))",
    )
    assert shown.title == "usage-stream"
    assert any("Content Security Policy" in one for one in complaints(shown))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, 800, 1200, 2000])
def test_it_fits_every_width(width: int, scheme: str, shown: Chrome) -> None:
    """The page is never wider than its window; a table that is scrolls by itself."""
    size(shown, width, 900)
    prefer(shown, scheme)
    assert value_of(shown, "innerWidth") == width
    assert value_of(shown, "document.documentElement.scrollWidth") <= width


def brightness(colour: str) -> float:
    """Return how bright a colour is, from 0 to 255."""
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_follows_the_scheme(scheme: str, shown: Chrome, *, dark: bool) -> None:
    """The page is light or dark as the reader wants it, and its text the other way round."""
    prefer(shown, scheme)
    paper = brightness(value_of(shown, "getComputedStyle(document.body).backgroundColor"))
    ink = brightness(value_of(shown, "getComputedStyle(document.body).color"))
    assert (paper < ink) is dark
    assert abs(paper - ink) > 150
    soft = brightness(value_of(shown, "getComputedStyle(document.querySelector('th')).color"))
    assert abs(paper - soft) > 100


def test_it_is_new_after_a_while(shown: Chrome, running: Daemon) -> None:
    """The page loads itself again, and then shows what was counted meanwhile."""
    refresh = shown.find_element(By.CSS_SELECTOR, "meta[http-equiv=refresh]")
    assert refresh.get_attribute("content") == "10"
    put(running.place / "pages", "usage_moderations.json", page(bucket(used(4, project_id="q"))))
    running.until(lambda: running.value("openai_api_tokens_total", project_id="q") == 4, "it")
    shown.refresh()
    assert ("q", "4") in {(row["project"], row["input tokens"]) for row in table(shown, "keys")}
