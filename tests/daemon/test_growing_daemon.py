"""A real daemon over captures: metrics, the page, kills, and state that is found damaged."""

from __future__ import annotations

import signal
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from tests.support.appending import FIRST, LATER, append, of_day, replaced
from tests.support.daemons import Daemon, daemon, tokens
from tests.support.envelopes import PACKED
from tests.support.pages import bucket, letters_in, page, put, put_all, used
from tests.support.running import replay

BROKEN = b'{"endpoint": "sk-proj-abcdefghijklmnopqrstuvwx0123456789", "page": {"data": []}}\n'
"""A line that is no envelope, and says a secret in what is wrong with it."""


def more_than(found: Daemon, records: float) -> bool:
    """Tell whether more records than so many were taken."""
    return found.value("usage_stream_records_total") > records


def ends_as_a_replay(found: Daemon) -> None:
    """Stop a daemon; its metrics are its report's, and that is a replay's."""
    shown = tokens(found)
    assert found.stop() == 0
    endpoints = found.report()["endpoints"].values()
    assert shown == sum(one["metrics"]["input_tokens"] for one in endpoints)
    expected = replay(found.place / "pages", "--no-details")
    assert (found.place / "report.json").read_bytes() == expected.raw


def test_captures_count_beside_fixtures(tmp_path: Path) -> None:
    """What is appended to plain and packed captures counts in metrics, page and report."""
    pages = put_all(tmp_path / "pages", {"usage_embeddings.json": page(bucket(used(3)))})
    put(pages, "plain.ndjson", of_day(0, 7, "2", observed_at=FIRST))
    put(pages, "packed.ndjson.gz", PACKED[".gz"](of_day(2, 9, label="other", observed_at=FIRST)))
    with daemon(tmp_path) as found:
        assert tokens(found) == 19
        assert "waits for its next page" in found.ask("/").text
        append(pages / "plain.ndjson", of_day(1, 5, observed_at=FIRST) + of_day(5, 1)[:40])
        append(
            pages / "packed.ndjson.gz",
            PACKED[".gz"](of_day(2, 4, label="other", observed_at=LATER)),
        )
        found.until(lambda: tokens(found) == 19, "the rest of the walk, and a lower figure")
        found.until(lambda: "waits" not in found.ask("/").text, "the end of the walk")
        assert found.value("openai_api_tokens_corrected_total") == 5
        found.until(lambda: len(letters_in(tmp_path / "dead")) == 1, "the dead letter")
        append(pages / "plain.ndjson", of_day(5, 1)[40:])
        found.until(lambda: letters_in(tmp_path / "dead") == [], "the rest of the line")
        found.until(lambda: tokens(found) == 20, "its page")
        ends_as_a_replay(found)


@pytest.mark.no_cover
def test_kills_while_captures_grow_lose_nothing(tmp_path: Path) -> None:
    """Killed again and again, no counter falls, each line counts once, whatever the budget."""
    pages, shown, before = put_all(tmp_path / "pages", {}), 0.0, 0.0
    for day in range(2):
        append(pages / "walk.ndjson", b"".join(of_day(day, 1, label=f"{i}") for i in range(60)))
        with daemon(tmp_path, "--checkpoint-pages", "7", "--memory", "1B", wait=False) as found:
            found.until(lambda: found.ask("/healthz").status == 200, "life")
            assert tokens(found) >= shown
            before = found.value("usage_stream_records_total")
            append(pages / "walk.ndjson", of_day(10 + day, 1))
            found.until(partial(more_than, found, before), "some of it")
            shown = tokens(found)
            found.stop(signal.SIGKILL)
    with daemon(tmp_path, "--memory", "1B") as found:
        assert found.value("usage_stream_records_total") == 122
        ends_as_a_replay(found)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """A broken line and a capture written anew are logged; damaged state ends it with 65."""
    pages = put_all(tmp_path / "pages", {"walk.ndjson": of_day(0, 7) + BROKEN})
    watch = '[[watch]]\npath = "pages"\nname = "polls"'
    with daemon(tmp_path, "--memory", "1B", sources=watch) as found:
        said = [one for one in found.events() if one["event"] == "dead_letter"]
        where = [(one["source"], one["file"], one["line"]) for one in said]
        assert where == [("polls", "walk.ndjson", 2)]
        for shown in (said[0]["message"], found.ask("/").text):
            assert "expected one of usage/completions" in shown
            assert "sk-proj-abc" not in shown
        replaced(pages / "walk.ndjson", of_day(1, 5))
        found.until(lambda: tokens(found) == 12, "the other content")
        assert any(one["event"] == "file_rewritten" for one in found.events())
        found.until(lambda: len(found.report()["relationshipIssues"]) == 1, "the issue")
        with sqlite3.connect(tmp_path / "state.db") as database:
            database.execute("UPDATE snapshots SET body = x'00'")
        database.close()
        append(pages / "walk.ndjson", of_day(0, 8))
        assert found.process.wait(30) == 65
    assert "damaged state" in found.log().splitlines()[-1]
    assert "Traceback" not in found.log()
