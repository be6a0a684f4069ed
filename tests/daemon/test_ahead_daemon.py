"""A real daemon over lines that lie ahead of the clock, which goes on meanwhile."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from tests.support.appending import FIRST, of_day
from tests.support.daemons import daemon, tokens
from tests.support.pages import letters_in
from tests.support.writers import writer

TICKING = {"SOURCE_DATE_EPOCH": ""}


@pytest.mark.no_cover
@pytest.mark.parametrize("restarted", [False, True])
def test_a_line_ahead_of_the_clock_counts_in_time(restarted: bool, tmp_path: Path) -> None:  # noqa: FBT001 -- a parameter
    """It waits as a dead letter that says why, and counts when the clock has caught up."""
    path = tmp_path / "pages" / "cap.ndjson"
    path.parent.mkdir()
    with writer(path) as writes:
        with daemon(tmp_path, variables=TICKING) as found:
            due = dt.datetime.fromtimestamp(int(time.time()) + 307, dt.UTC).isoformat()
            ahead = of_day(1, 5, label="ahead", observed_at=due)
            writes.write(of_day(0, 7, observed_at=FIRST) + ahead)
            found.until(lambda: len(letters_in(tmp_path / "dead")) == 1, "the dead letter")
            found.until(lambda: tokens(found) == 7, "the other line")
            assert "ahead of the clock" in found.ask("/").text
            assert any("ahead of the clock" in one["message"] for one in found.events())
            if not restarted:
                found.until(lambda: tokens(found) == 12, "the time")
            assert found.stop() == 0
        if restarted:
            with daemon(tmp_path, variables=TICKING) as found:
                found.until(lambda: tokens(found) == 12, "the time")
                assert found.stop() == 0
    assert letters_in(tmp_path / "dead") == []
    assert found.report()["relationshipIssues"] == []
