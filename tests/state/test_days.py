"""What days came to, in the state file: found by time, stale where others wrote, and checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.msgpack import encode

from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.errors import BadInput
from stream.records.tally import SavedTally
from stream.records.windows import Slot, Snapshot, Window
from stream.state.saved_series import SavedDay, SavedFigures, Span
from stream.state.saved_state import Checkpoint
from stream.state.sqlite.inspection import Inspection
from stream.state.sqlite.store import Store
from tests.support.pages import DAY, FIRST

KEY = "usage/completions"
CHAIN = Chain(KEY, "primary")


def span(first: int, last: int) -> Span:
    """Return some days from the first on."""
    return Span(KEY, Window(FIRST + first * DAY, FIRST + last * DAY))


def hours(start: int, length: int) -> Window:
    """Return some hours from the first day's start on."""
    return Window(FIRST + start * 3_600, FIRST + (start + length) * 3_600)


def put(store: Store, days: list[SavedDay], dropped: list[Span], windows: dict[int, int]) -> None:
    """Store days, and windows by first hour and length in hours; without days nobody shows any."""
    entry = ENDPOINTS[KEY]
    empty = Snapshot(0, ((),) * (len(entry.dimensions) + 1), ((),) * (len(entry.counters) + 1))
    places = [
        ((CHAIN, Slot(hours(start, length), rollup=False)), empty)
        for start, length in windows.items()
    ]
    figures = SavedFigures([], days, dropped, frozenset({CHAIN})) if days or dropped else None
    store.save(Checkpoint({}, {}, (), (), places, {}, None, SavedTally(), figures))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Open a new state file."""
    with closing(Store(tmp_path / "state.db")) as found:
        yield found


def test_days_are_found_by_time(store: Store) -> None:
    """Those that a window touches come in order; spans that are one are found by each day."""
    days = [SavedDay(span(*days), encode(days)) for days in ((0, 1), (2, 9), (9, 10))]
    put(store, days, [], {})
    assert list(store.days(KEY, span(0, 30).window)) == days
    assert list(store.days(KEY, span(5, 6).window)) == days[1:2]
    assert list(store.days(KEY, span(1, 2).window)) == []
    assert list(store.days("costs", span(0, 30).window)) == []
    assert store.last_day(KEY) == days[2]
    put(store, [SavedDay(span(20, 21), b"", is_empty=True)], [], {})
    assert store.last_day(KEY) == days[2]
    put(store, [SavedDay(span(0, 10), b"all")], [day.span for day in days[1:]], {})
    assert list(store.days(KEY, span(5, 6).window)) == [SavedDay(span(0, 10), b"all")]
    assert store.load().former_chains == {CHAIN}


def test_windows_that_nobody_has_worked_out_are_stale(store: Store) -> None:
    """Their days are named until somebody has; a window across midnight makes two of them one."""
    put(store, [], [], {1: 1, 2: 1, 23: 2, 60: 1})
    assert store.stale_spans(9) == [span(0, 1), span(0, 2), span(2, 3)]
    assert store.stale_spans(1) == [span(0, 1)]
    assert store.stale_near(span(1, 2)) == [span(0, 2)]
    put(store, [SavedDay(span(0, 2), b"")], [], {30: 1})
    assert store.stale_spans(9) == [span(2, 3)]


@pytest.mark.parametrize("table", ["days", "stale_days"])
def test_days_that_are_damaged_are_named(store: Store, table: str, tmp_path: Path) -> None:
    """A day that is not what was written is never a figure, and a check finds it."""
    put(store, [], [], {60: 1})
    put(store, [SavedDay(span(0, 1), b"sums")], [], {})
    store.close()
    column = "sums = x'28b52ffd0400'" if table == "days" else "last = last + 86400"
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute(f"UPDATE {table} SET {column}")  # noqa: S608 -- names from here
    with closing(Inspection(tmp_path / "state.db")) as found, pytest.raises(BadInput):
        found.check_whole()
    with closing(Store(tmp_path / "state.db")) as again, pytest.raises(BadInput):
        _ = list(again.days(KEY, span(0, 9).window)), again.stale_spans(9)
