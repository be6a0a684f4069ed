"""What each endpoint's days came to, and which of them have to be worked out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final

import zstandard

from stream.records.windows import Window
from stream.state.saved_series import SavedDay, SavedFigures, Span
from stream.state.sqlite.codec import LARGEST, check_row, checksum_of, seal_row

__all__ = [
    "DAYS",
    "SAVED_DAY",
    "day_of_row",
    "days_in",
    "last_day_in",
    "mark_stale",
    "put_days",
    "rows_of_days",
    "saved_days_in",
    "stale_in",
    "touched_in",
]

SAVED_DAY: Final = """(
    endpoint TEXT, first INTEGER, last INTEGER NOT NULL, is_empty INTEGER NOT NULL,
    checksum BLOB NOT NULL, sums BLOB NOT NULL,
    PRIMARY KEY (endpoint, first)
) WITHOUT ROWID;
"""
"""The columns of a table of days, as :func:`rows_of_days` writes them."""
DAYS: Final = f"""
CREATE TABLE days {SAVED_DAY}CREATE TABLE stale_days (
    endpoint TEXT, first INTEGER, last INTEGER, checksum BLOB NOT NULL,
    PRIMARY KEY (endpoint, first, last)
) WITHOUT ROWID;
"""
LEVEL: Final = 1
LAST: Final = "SELECT * FROM days WHERE endpoint = ? AND NOT is_empty ORDER BY first DESC LIMIT 1"
STALE: Final = "SELECT * FROM stale_days"
TOUCHING: Final = "WHERE endpoint = ? AND last > ? AND first < ?"


def days_in(database: sqlite3.Connection, endpoint: str, window: Window) -> Iterator[SavedDay]:
    """Yield the days of an endpoint that a window touches, in order.

    Raises:
        ValueError: one is not what was written.
    """
    return saved_days_in(database, "days", endpoint, window)


def saved_days_in(
    database: sqlite3.Connection, table: str, endpoint: str, window: Window
) -> Iterator[SavedDay]:
    """Yield the days of an endpoint that a window touches from a table of days, in order.

    Raises:
        ValueError: one is not what was written.
    """
    query = f"SELECT * FROM {table} {touched_in(table)} ORDER BY first"  # noqa: S608 -- our table
    return map(day_of_row, database.execute(query, (endpoint, *window)))


def touched_in(table: str) -> str:
    """Return the condition that days of a table touch a window: endpoint, start and end.

    Spans do not overlap: the one that begins before a window is the only one that can reach in.
    """
    before = f"SELECT max(first) FROM {table} WHERE endpoint = ?1 AND first <= ?2"  # noqa: S608 -- our table
    return f"WHERE endpoint = ?1 AND first < ?3 AND last > ?2 AND first >= coalesce(({before}), 0)"


def last_day_in(database: sqlite3.Connection, endpoint: str) -> SavedDay | None:
    """Return the last days of an endpoint that came to anything; ``None``: it has none.

    Raises:
        ValueError: they are not what was written.
    """
    row = database.execute(LAST, (endpoint,)).fetchone()
    return None if row is None else day_of_row(row)


def day_of_row(row: tuple[str, int, int, int, bytes, bytes]) -> SavedDay:
    """Return what a row says."""
    endpoint, first, last, is_empty, checksum, body = row
    check_row(checksum, endpoint, first, last, is_empty, body)
    sums = zstandard.ZstdDecompressor().decompress(body, max_output_size=LARGEST)
    return SavedDay(Span(endpoint, Window(first, last)), sums, bool(is_empty))


def stale_in(database: sqlite3.Connection, near: Span | int) -> list[Span]:
    """Return spans to be worked out again: those that touch one, or at most so many of all.

    Raises:
        ValueError: one is not what was written.
    """
    if isinstance(near, int):
        rows = database.execute(f"{STALE} LIMIT ?", (near,))
    else:
        rows = database.execute(f"{STALE} {TOUCHING}", (near.endpoint, *near.window))
    found = []
    for endpoint, first, last, checksum in rows:
        check_row(checksum, endpoint, first, last)
        found.append(Span(endpoint, Window(first, last)))
    return found


def put_days(database: sqlite3.Connection, figures: SavedFigures) -> None:
    """Put days in the place of what was known of them; they are stale no more."""
    ended = [*figures.dropped_spans, *(day.span for day in figures.days)]
    many = database.executemany
    many(
        "DELETE FROM days WHERE (endpoint, first) = (?, ?)",
        ((span.endpoint, span.window.start) for span in figures.dropped_spans),
    )
    many(
        "DELETE FROM stale_days WHERE endpoint = ? AND first >= ? AND last <= ?",
        ((span.endpoint, *span.window) for span in ended),
    )
    many("REPLACE INTO days VALUES (?, ?, ?, ?, ?, ?)", rows_of_days(figures.days))


def rows_of_days(days: Iterable[SavedDay]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that :func:`day_of_row` reads."""
    compress = zstandard.ZstdCompressor(level=LEVEL).compress
    for (endpoint, window), sums, is_empty in days:
        yield seal_row((endpoint, *window, int(is_empty)), compress(sums))


def mark_stale(database: sqlite3.Connection, spans: Iterable[Span]) -> None:
    """Note that windows have changed, and nobody has worked out what their days come to."""
    rows = ((span.endpoint, *span.window) for span in spans)
    database.executemany(
        "REPLACE INTO stale_days VALUES (?, ?, ?, ?)", ((*row, checksum_of(*row)) for row in rows)
    )
