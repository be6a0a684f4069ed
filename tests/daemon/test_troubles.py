"""What does not work: said by log, page, report and metrics, once when it begins and ends."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from stream.daemon.overdue import OverdueWalks
from stream.intake.walks import Verdict, Walk
from stream.records.chains import Chain, Origin
from tests.support.appending import FIRST, of_day
from tests.support.daemons import Daemon, daemon, tokens
from tests.support.pages import bucket, page, put, put_all, used
from tests.support.queries import FILES, GROUPS
from tests.support.running import replay
from tests.support.writers import writer

SOURCES = '[[watch]]\npath = "pages"\nname = "polls"'
METRICS = "usage_stream_source_"
# Root reads what it likes, unless it gives that up.
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.getuid() == 0 else ()


def shows(found: Daemon, word: str, *, metric: str, value: float) -> bool:
    """Tell whether report and page say something, or nothing of it, and the metric too."""
    bad = value != (metric == "up")
    return (
        found.value(f"{METRICS}{metric}", source="polls") == value
        and ('id="troubles"' in found.ask("/").text) is bad
        and any(word in one for one in found.report()["relationshipIssues"]) is bad
    )


def said(found: Daemon, word: str) -> list[tuple[str, str]]:
    """Return the levels and names of what was logged of something, when it began and ended."""
    events = [one for one in found.events() if one["level"] != "debug"]
    return [(one["level"], one["event"]) for one in events if one["event"].startswith(word)]


def test_a_directory_that_is_gone_and_back(tmp_path: Path) -> None:
    """Without its directory the daemon is not ready and says so; with it all is as it was."""
    pages, away = tmp_path / "pages", tmp_path / "away"
    pages.mkdir()
    with writer(pages / "cap.ndjson") as writes, daemon(tmp_path, sources=SOURCES) as found:
        writes.write(of_day(0, 7, observed_at=FIRST))
        found.until(lambda: tokens(found) == 7, "the first line")
        pages.rename(away)
        gone = partial(shows, found, "cannot be read", metric="up", value=0)
        found.until(gone, "that it is gone")
        assert "pages: the directory cannot be read" in found.ask("/readyz").text
        assert found.value("usage_stream_ready") == 0
        assert found.value("usage_stream_unready_reason") == 1
        assert found.value("usage_stream_unready_reason", reason="directory") == 1
        writes.write(of_day(1, 5, observed_at=FIRST))
        away.rename(pages)
        found.until(partial(shows, found, "cannot be read", metric="up", value=1), "its return")
        found.until(lambda: tokens(found) == 12, "the line from meanwhile")
        found.until(found.ready, "readiness")
        assert said(found, "source_") == [("error", "source_failed"), ("info", "source_works")]
        assert found.value("usage_stream_ready") == 1
        assert found.stop() == 0
        assert (tmp_path / "report.json").read_bytes() == replay(pages, "--no-details").raw


@pytest.mark.needs_program("setpriv")
def test_a_file_that_cannot_be_read_and_then_can(tmp_path: Path) -> None:
    """A capture without permission is named, the others count, and then it does."""
    pages = tmp_path / "pages"
    pages.mkdir()
    put(pages, "other.ndjson", of_day(2, 1, observed_at=FIRST))
    path = pages / "cap.ndjson"
    with writer(path) as writes, daemon(tmp_path, sources=SOURCES, tracer=BOUND) as found:
        assert tokens(found) == 1
        path.chmod(0)
        writes.write(of_day(0, 7, observed_at=FIRST))
        bad = partial(
            shows, found, "cap.ndjson: cannot be read", metric="unreadable_files", value=1
        )
        found.until(bad, "that it cannot be read")
        assert found.ready()
        put(pages, "another.ndjson", of_day(3, 2, observed_at=FIRST))
        found.until(lambda: tokens(found) == 3, "the other capture")
        path.chmod(0o600)
        good = partial(shows, found, "cannot be read", metric="unreadable_files", value=0)
        found.until(good, "that it can be read")
        found.until(lambda: tokens(found) == 10, "its line")
        assert said(found, "file_") == [("error", "file_failed"), ("info", "file_works")]
        assert found.stop() == 0


def test_a_chain_half_way_and_then_whole(tmp_path: Path) -> None:
    """A chain whose next page does not come is named in its time, until it has come."""
    pages = tmp_path / "pages"
    pages.mkdir()
    more = "walk_seconds = 0.5"
    with (
        writer(pages / "cap.ndjson") as writes,
        daemon(tmp_path, sources=SOURCES, more=more) as found,
    ):
        writes.write(of_day(0, 7, "2", observed_at=FIRST))
        stopped = partial(shows, found, "is incomplete", metric="stopped_chains", value=1)
        found.until(stopped, "that it stopped")
        wait = "usage_stream_source_chain_wait_seconds"
        assert found.value(wait, source="polls") >= 0.5
        assert found.ready()
        replayed = replay(pages, "--allow-incomplete", "--no-details")
        assert (tmp_path / "report.json").read_bytes() == replayed.raw
        writes.write(of_day(1, 5, observed_at=FIRST))
        whole = partial(shows, found, "is incomplete", metric="stopped_chains", value=0)
        found.until(whole, "that it is whole")
        assert found.metrics()[wait] == {frozenset({("source", "polls")}): 0}
        assert said(found, "chain_") == [("error", "chain_stopped"), ("info", "chain_goes_on")]
        assert found.stop() == 0


def test_a_walk_that_moves_is_not_overdue() -> None:
    """Each page that comes gives a walk its time anew; one that is whole has none."""
    now = 0.0
    overdue = OverdueWalks(lambda: now)
    walk: Walk = (Chain("costs", "primary"), 0)
    assert overdue.seconds_until_next(10) is None
    assert not overdue.look({walk: Verdict("incomplete", "more", cursor="2")}, 10)
    now = 6
    assert overdue.seconds_until_next(10) == 4
    assert not overdue.look({walk: Verdict("incomplete", "more", cursor="3")}, 10)
    now = 15
    assert not overdue.look({walk: Verdict("incomplete", "more", cursor="3")}, 10)
    now = 16
    assert overdue.look({walk: Verdict("incomplete", "more", cursor="3")}, 10)
    assert overdue.seconds_until_next(10) is None
    assert overdue.walks == {walk}
    origins = [Origin("a", walk[0]), Origin("b", Chain("costs", "other")), Origin("c", walk[0])]
    overdue.note_sources(origins, ["a", "b"])
    now = 20
    assert overdue.wait_seconds() == {"a": 14, "b": 0}
    assert overdue.look({}, 10)


def test_a_broken_request_is_named_until_it_is_mended(tmp_path: Path) -> None:
    """Pages wait until somebody knows what they were asked with; the daemon goes on meanwhile."""
    pages = put_all(tmp_path / "pages", {**FILES, "request.json": GROUPS})
    with daemon(tmp_path, sources=SOURCES) as found:
        found.until(lambda: tokens(found) == 14, "the pages")
        put(pages, "request.json", '{"group_by": 5}')
        put(pages, "usage_embeddings.json", page(bucket(used(3))))
        bad = partial(shows, found, "request.json", metric="unreadable_files", value=1)
        found.until(bad, "that the request is broken")
        assert (tokens(found), found.ready()) == (14, True)
        put(pages, "request.json", GROUPS)
        good = partial(shows, found, "request.json", metric="unreadable_files", value=0)
        found.until(good, "that it is mended")
        found.until(lambda: tokens(found) == 17, "the page from meanwhile")
        assert found.stop() == 0
        assert (tmp_path / "report.json").read_bytes() == replay(pages, "--no-details").raw
