"""What a replay has found days to come to; nobody counts by it, and whoever changes a day ends it.

A daemon counts from day to day what it has worked out itself (``days``). These stand beside that,
so that who only shows figures need not work them out; a day goes with the transaction in which one
of its windows changes, or in which the daemon has worked it out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from stream.records.windows import Window
from stream.state.saved_series import SavedDay, Span
from stream.state.sqlite.days import SAVED_DAY, rows_of_days, saved_days_in, touched_in

__all__ = [
    "REPLAYED_DAYS",
    "forget_all_replayed",
    "forget_replayed",
    "forget_replayed_of",
    "put_replayed",
    "replayed_in",
    "replayed_spans_in",
]

TABLE: Final = "replayed_days"
REPLAYED_DAYS: Final = f"""
CREATE TABLE {TABLE} {SAVED_DAY}"""
OF_SHARD: Final = (
    "DELETE FROM main.replayed_days WHERE EXISTS (SELECT 1 FROM shard.stale_days AS stale "
    "WHERE stale.endpoint = replayed_days.endpoint "
    "AND stale.last > replayed_days.first AND stale.first < replayed_days.last)"
)


def replayed_in(database: sqlite3.Connection, endpoint: str, window: Window) -> Iterator[SavedDay]:
    """Yield the days of an endpoint that a window touches, in order.

    Raises:
        ValueError: one is not what was written.
    """
    return saved_days_in(database, TABLE, endpoint, window)


def replayed_spans_in(database: sqlite3.Connection, endpoint: str) -> Iterator[Span]:
    """Yield which days of an endpoint there are."""
    query = "SELECT first, last FROM replayed_days WHERE endpoint = ?"
    for row in database.execute(query, (endpoint,)):
        yield Span(endpoint, Window(*row))


def put_replayed(database: sqlite3.Connection, days: Iterable[SavedDay]) -> None:
    """Put days in the place of those that they have some in common with."""
    for day in days:
        forget_replayed(database, [day.span])
        database.executemany(
            "INSERT INTO replayed_days VALUES (?, ?, ?, ?, ?, ?)", rows_of_days([day])
        )


def forget_replayed(database: sqlite3.Connection, spans: Iterable[Span]) -> None:
    """Let days go that have some in common with spans in which something has changed."""
    database.executemany(
        f"DELETE FROM {TABLE} {touched_in(TABLE)}",  # noqa: S608 -- our table
        ((span.endpoint, *span.window) for span in spans),
    )


def forget_replayed_of(database: sqlite3.Connection) -> None:
    """Let days go in which a shard has changed something, that is attached as ``shard``."""
    database.execute(OF_SHARD)


def forget_all_replayed(database: sqlite3.Connection) -> None:
    """Let all days go."""
    database.execute("DELETE FROM replayed_days")
