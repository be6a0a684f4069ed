"""Lines that lie ahead of the clock: they wait, and are judged again when it has caught up."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appending import FIRST, append, of_day, replaced
from tests.support.envelopes import PACKED
from tests.support.running import NOW, replay
from tests.support.watching import Watching, lines

AHEAD = "2025-01-01T00:06:00Z"
LATER = "2025-01-01T00:07:00Z"


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    """Watch an empty directory."""
    found = Watching(tmp_path)
    yield found
    found.intake.close()


def counted(found: Watching) -> list[tuple[int, int]]:
    """Return the pages and dead letters of each chain."""
    return [(one.sums.pages, one.sums.letters) for one in found.intake.summaries()]


@pytest.mark.parametrize("suffix", PACKED, ids=["plain", "gzip", "zstd"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_line_ahead_of_the_clock_counts_in_time(
    suffix: str,
    restarted: bool,  # noqa: FBT001 -- a parameter
    watching: Watching,
) -> None:
    """Its letter says when it was made and the clock, and goes when the clock has caught up."""
    path, pack = watching.pages / f"walk.ndjson{suffix}", PACKED[suffix]
    content = of_day(0, 7, observed_at=FIRST) + b"\n" + of_day(1, 5, observed_at=AHEAD)
    append(path, pack(content + of_day(2, 1, observed_at=LATER) + of_day(3, 2, observed_at=FIRST)))
    watching.look()
    assert (watching.tokens(), counted(watching), watching.pause) == (9, [(2, 2)], 60)
    message = json.loads(watching.letters[0])["message"]
    assert AHEAD in message
    assert "(2025-01-01T00:00:00Z)" in message
    watching.now += 59
    assert (watching.look(), watching.pause) == ([], 1)
    if restarted:
        watching.again()
    watching.now += 1
    assert (lines(watching.look()), watching.pause) == ([3], 60)
    assert (watching.tokens(), counted(watching), len(watching.letters)) == (14, [(3, 1)], 1)
    append(path, pack(of_day(4, 1, observed_at=FIRST)))
    watching.now += 60
    assert lines(watching.look()) == [6, 0, 4]
    assert (watching.tokens(), counted(watching), watching.letters) == (16, [(5, 0)], [])
    assert (watching.look(), watching.issues) == ([], [])


def test_a_line_that_is_broken_too_is_set_aside_when_it_is_time(watching: Watching) -> None:
    """Judged again, a page may be set aside for another reason."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, -7, observed_at=AHEAD))
    watching.look()
    watching.now += 60
    watching.look()
    (letter,) = watching.letters
    assert json.loads(letter)["reason"] != "observed_at"
    watching.again()
    assert (watching.look(), len(watching.letters)) == ([], 1)


def test_a_line_that_is_written_over_waits_no_more(watching: Watching) -> None:
    """What stands in its place is judged in its own time."""
    path = watching.pages / "walk.ndjson"
    append(path, of_day(0, 7, observed_at=AHEAD))
    watching.look()
    replaced(path, of_day(0, 5, observed_at=FIRST))
    watching.look()
    watching.now += 60
    assert (watching.look(), watching.tokens(), watching.letters) == ([], 5, [])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replay_that_resumes_judges_again(workers: int, tmp_path: Path) -> None:
    """A later run with the same state counts what lay ahead of the clock of the first."""
    pages, state, aside = tmp_path / "pages", tmp_path / "state.db", tmp_path / "dead"
    pages.mkdir()
    append(pages / "walk.ndjson.gz", gzip.compress(of_day(0, 7, observed_at=AHEAD)))
    options = {"state": state, "on_error": "dead-letter", "dead_letters": aside}
    assert replay(pages, **options).code == 1
    found = replay(pages, now=int(NOW) + 60, workers=workers, **options)
    assert found.report is not None
    assert found.code == 0
    assert found.report["endpoints"]["usage/completions"]["metrics"]["input_tokens"] == 7
