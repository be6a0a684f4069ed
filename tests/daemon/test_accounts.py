"""An account that a daemon asks: what the page, readiness and metrics say of it."""

from __future__ import annotations

import datetime as dt
import html
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.daemon.accounts import describe_doing, describe_next
from stream.providers.openai import ENDPOINTS
from stream.sinks.html.notation import write_span
from stream.sources.api.source import PartStatus
from tests.support.browsers import browser, complaints, prefer, size
from tests.support.daemons import Daemon, daemon
from tests.support.pages import DAY
from tests.support.twin_processes import TwinServer, poll_table, twin_server

REAL = {"SOURCE_DATE_EPOCH": ""}
FAULT = "500@usage/images:1,500@projects/*/users:1"
QUIET = ("--speed", "0", "--projects", "1", "--volume", "0.1")
QUICK = ('every = "1h"', "requests_per_minute = 10000", "burst = 1000")
RESTS = PartStatus(
    "costs", is_asking=False, next_at=1_120.5, live_at=940.0, lag=60.0, refusal="", message=""
)
"""One that was whole a minute before 1,000, and is asked again two minutes after it."""


def yesterday() -> str:
    """Return a day that is over."""
    return dt.datetime.fromtimestamp(time.time() - DAY, dt.UTC).date().isoformat()


def rows(text: str, name: str) -> list[list[str]]:
    """Return what stands in the cells of a table of the page."""
    table = re.search(rf'<table id="{name}".*?<tbody[^>]*>(.*?)</tbody>', text, re.DOTALL)
    assert table is not None
    return [
        [html.unescape(cell.strip()) for cell in re.split("<t[dh][^>]*>", row)[1:]]
        for row in re.findall("<tr[^>]*>(.*?)</tr>", table[1], re.DOTALL)
    ]


@pytest.fixture(scope="module")
def twin() -> Iterator[TwinServer]:
    """Run an account whose time stands still, and in which one endpoint is out of order."""
    with twin_server(*QUIET, "--faults", FAULT) as found:
        yield found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, twin: TwinServer) -> Iterator[Daemon]:
    """Run a daemon that has asked it for everything."""
    place = tmp_path_factory.mktemp("running")
    sources = poll_table(place, twin, yesterday(), *QUICK)
    with daemon(place, sources=sources, variables=REAL) as found:
        found.until(lambda: is_done(found), "walks over everything that answers")
        yield found


def is_done(found: Daemon) -> bool:
    """Tell whether all has been asked for, and whatever fails is known."""
    parts = rows(found.ask("/").text, "parts")
    ends = [row[5].partition(",")[0] for row in parts]
    return set(ends) <= {"rests", "refused"} and "refused" in ends


def test_the_page_shows_each_endpoint_and_list(running: Daemon) -> None:
    """What was whole rests until it is asked next; what fails is on top, with the reason."""
    shown = {row[1]: row for row in rows(running.ask("/").text, "parts")}
    assert shown.keys() >= {*ENDPOINTS, "projects", "users"}
    assert next(iter(shown)) == "usage/images"
    account, _, whole, _, _, doing = shown["usage/images"]
    assert (account, whole) == ("acme", "never")
    assert doing.startswith("refused, busy: /organization/usage/images answered 500: ")
    _, _, whole, later, lag, doing = shown["usage/completions"]
    assert whole.endswith(" ago")
    assert re.fullmatch(r"in \d+ min", later)
    assert re.fullmatch(r"\d+ (min|h)", lag)
    assert doing == "rests"
    assert shown["users"][4] == "–"


def test_the_page_shows_the_account(running: Daemon) -> None:
    """Its key is accepted, and there are requests and evidence."""
    ((account, key, requests, _, evidence),) = rows(running.ask("/").text, "accounts")
    assert (account, key) == ("acme", "accepted")
    assert int(requests) > len(ENDPOINTS)
    assert running.ready()
    running.until(lambda: running.value("usage_stream_api_evidence_bytes") > 0, "evidence")
    assert evidence.endswith(" KiB")


def test_the_key_is_shown_nowhere(running: Daemon, twin: TwinServer) -> None:
    """Page, metrics, report and log have no key in them."""
    texts = [running.ask(path).text for path in ("/", "/metrics", "/report", "/readyz")]
    assert not [text for text in [*texts, running.log()] if twin.key in text]


def test_a_refused_key_makes_it_unready(tmp_path: Path, twin: TwinServer) -> None:
    """Readiness, page and metric say that the key is refused, and what to do; and never the key."""
    key = "sk-admin-somebody-elses-0001"
    sources = poll_table(tmp_path, twin, yesterday(), *QUICK, key=key)
    with daemon(tmp_path, sources=sources, variables=REAL, wait=False) as found:
        found.until(lambda: found.value("usage_stream_api_key_refused", source="acme") == 1, "it")
        found.until(lambda: "does not accept" in found.ask("/readyz").text, "unreadiness")
        answer = found.ask("/readyz")
        assert answer.status == 503
        assert re.match(r"acme: the API does not accept the key \(401.*; use an admin", answer.text)
        page = found.ask("/").text
        ((_, shown, *_),) = rows(page, "accounts")
        assert shown.startswith("the API does not accept the key (401")
        assert key not in page + found.log()
        assert 'class="long wrong"' in page
        assert found.stop() == 0


@pytest.mark.needs_program("chromium", "chromedriver")
@pytest.mark.parametrize("width", [390, 1200])
def test_it_fits_every_width(width: int, running: Daemon) -> None:
    """The page with an account is no wider than its window, and the browser has no complaint."""
    with browser() as chrome:
        size(chrome, width, 900)
        prefer(chrome, "light")
        chrome.get(f"http://127.0.0.1:{running.port}/")
        assert chrome.execute_script("return document.documentElement.scrollWidth") <= width
        assert complaints(chrome) == []


@pytest.mark.parametrize(
    ("status", "doing", "later"),
    [
        (RESTS, "rests", "in 2 min"),
        (RESTS._replace(message="nothing before May"), "rests; nothing before May", "in 2 min"),
        (RESTS._replace(next_at=1_000.0), "waits for its turn", "now"),
        (RESTS._replace(next_at=None), "rests", "–"),
        (RESTS._replace(is_asking=True), "is asked now", "now"),
        (RESTS._replace(refusal="scope", message="no"), "refused, scope: no", "in 2 min"),
        (
            RESTS._replace(refusal="busy", message="no", is_asking=True),
            "is asked again now, busy: no",
            "now",
        ),
    ],
)
def test_a_part_is_described(status: PartStatus, doing: str, later: str) -> None:
    """What it is doing, and when it is next, in words."""
    assert (describe_doing(status, 1_000.0), describe_next(status, 1_000.0, write_span)) == (
        doing,
        later,
    )
