"""Fixtures replayed at a pace: in event time, once or in a loop, and on after a kill."""

from __future__ import annotations

import json
import signal
import sqlite3
from pathlib import Path

import pytest

from stream.records.delivery import Delivery
from stream.sources.pace import Pace
from stream.sources.source import ReadOptions
from tests.support.daemons import Daemon, daemon
from tests.support.pages import DAY, FIRST, bucket, listed, page, put_all, put_recorded, used
from tests.support.running import replay


def paced(speed: str, *, loop: bool = False) -> str:
    """Write a source."""
    return f'[[pace]]\npath = "pages"\nname = "demo"\nspeed = "{speed}"\nloop = {str(loop).lower()}'


def windows(place: Path) -> list[tuple[int, int]]:
    """Read the windows of completions in a state file, whose owner may be running."""
    with sqlite3.connect(f"file:{place / 'state.db'}?mode=ro", uri=True) as database:
        query = (
            "SELECT window_start, window_end FROM snapshots WHERE endpoint = 'usage/completions'"
        )
        found = sorted(database.execute(query).fetchall())
    database.close()
    return found


def tokens(found: Daemon) -> float:
    """Return the tokens that were accepted."""
    return found.value("openai_api_tokens_total", token_type="input")


def two_days(place: Path) -> None:
    """Write a chain of two pages, a day each, of 1 and 10 tokens."""
    first = page(bucket(used(1, project_id="p")), cursor="2")
    second = page(bucket(used(10, project_id="p"), day=1))
    put_all(
        place / "pages", {"usage_completions.json": first, "usage_completions_page2.json": second}
    )


def test_once_at_a_pace_is_a_replay(tmp_path: Path) -> None:
    """Replayed once, however fast, the report is that of a replay; and it is said."""
    pages = put_recorded(tmp_path / "pages")
    for _ in range(2):
        with daemon(tmp_path, sources=paced("1000d/s")) as found:
            found.until(lambda: "replayed to the end" in found.log(), "the end")
            assert found.stop() == 0
        expected = replay(pages, "--no-details")
        assert (tmp_path / "report.json").read_bytes() == expected.raw


def test_pages_come_when_their_windows_end(tmp_path: Path) -> None:
    """At a day each four seconds, the second day's page is not there with the first day's."""
    two_days(tmp_path)
    with daemon(tmp_path, sources=paced("6h/s")) as found:
        found.until(lambda: tokens(found) == 1, "the first day alone")
        found.until(lambda: tokens(found) == 11, "the second day")


def test_a_loop_moves_the_windows_on(tmp_path: Path) -> None:
    """Each loop counts anew, in windows that follow those of the loop before."""
    two_days(tmp_path)
    with daemon(tmp_path, sources=paced("20d/s", loop=True)) as found:
        found.until(lambda: tokens(found) >= 44, "four loops")
        assert found.stop() == 0
    days = windows(tmp_path)
    assert days == [(FIRST + day * DAY, FIRST + (day + 1) * DAY) for day in range(len(days))]
    report = json.loads((tmp_path / "report.json").read_bytes())
    whole, rest = divmod(len(days), 2)
    assert report["usageSummary"]["tokensIn"] == 11 * whole + rest
    assert report["usageSummary"]["totalRawEvents"] == len(days)
    assert report["relationshipIssues"] == []


@pytest.mark.no_cover
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_loop_goes_on_where_it_stopped(number: signal.Signals, tmp_path: Path) -> None:
    """Killed or stopped again and again, a loop repeats no window and leaves none out."""
    two_days(tmp_path)
    seen = 0.0
    for _ in range(4):
        with daemon(tmp_path, sources=paced("20d/s", loop=True)) as found:
            assert tokens(found) >= seen
            found.until(lambda seen=seen: tokens(found) >= seen + 22, "loops")  # type: ignore[misc]  # a number
            seen = tokens(found)
            found.stop(number)
    days = windows(tmp_path)
    assert days == [(FIRST + day * DAY, FIRST + (day + 1) * DAY) for day in range(len(days))]
    with daemon(tmp_path, sources=paced("1s/s", loop=True)) as found:
        whole, rest = divmod(len(days), 2)
        assert tokens(found) == 11 * whole + rest


async def test_a_loop_of_lists_ends(tmp_path: Path) -> None:
    """Lists have no windows that could move on: a loop of nothing else is over when they came."""
    put_all(tmp_path, {"projects.json": listed({"id": "p"}), "users.json": listed({"id": "u"})})
    pace, sent = Pace(tmp_path, "demo", {}, ReadOptions(1 << 20), rate=1, loop=True), []

    async def send(delivery: Delivery) -> None:
        sent.append(delivery.name)

    assert await pace.look(send) is None
    assert sent == ["projects.json", "users.json"]
