"""Windows in a database: found by their place, and gone through in order.

A row's checksum covers its place, its revision and the checksum of its body. So a window can be
recognised, and its revision raised, without a look at its rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final

from xxhash import xxh3_128_digest

from stream.records.chains import Chain
from stream.records.windows import Slot, Snapshot, Window
from stream.state.sqlite.codec import Codec, row_mark_of
from stream.state.windows import Glance, Place

__all__ = ["SNAPSHOTS", "StoredWindows"]

SNAPSHOTS: Final = """
CREATE TABLE snapshots (
    endpoint TEXT, label TEXT, view TEXT,
    window_start INTEGER, window_end INTEGER, rollup INTEGER,
    revision INTEGER NOT NULL, rows INTEGER NOT NULL, digest BLOB NOT NULL,
    checksum BLOB NOT NULL, body_checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, view, window_start, window_end, rollup)
) WITHOUT ROWID;
"""
PLACE: Final = "(endpoint, label, view, window_start, window_end, rollup)"
ONE: Final = f"WHERE {PLACE} = (?, ?, ?, ?, ?, ?)"
HEAD: Final = "revision, rows, digest, body_checksum, checksum"
NEXT_CHAIN: Final = (
    "SELECT endpoint, label, view FROM snapshots WHERE (endpoint, label, view) > (?, ?, ?) "
    "ORDER BY endpoint, label, view LIMIT 1"
)
CHAIN: Final = "FROM snapshots WHERE (endpoint, label, view) = (?, ?, ?)"
LAST: Final = (
    f"SELECT window_start, window_end, rollup, {HEAD} {CHAIN} AND window_start <= ? "
    "ORDER BY window_start DESC, window_end DESC, rollup DESC LIMIT 1"
)
DROP: Final = f"DELETE FROM snapshots {ONE}"  # noqa: S608 -- as above
IN_ORDER: Final = "ORDER BY window_start, window_end, rollup"
GLANCE: Final = f"SELECT {HEAD} FROM snapshots {ONE}"  # noqa: S608 -- made of constants
RECALL: Final = f"SELECT {HEAD}, body FROM snapshots {ONE}"  # noqa: S608 -- as above
SCAN: Final = f"SELECT window_start, window_end, rollup, {HEAD}, body {CHAIN}"
FIRST_AND_LAST: Final = (
    f"SELECT (SELECT min(window_start) {CHAIN}), (SELECT max(window_start) {CHAIN})"
)
STARTS: Final = "AND window_start >= ? AND window_start < ?"
PUT: Final = "REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
RAISE: Final = f"UPDATE snapshots SET revision = ?, checksum = ? {ONE}"  # noqa: S608 -- as above


class StoredWindows:
    """The windows in one database; a ``ValueError`` tells that a row is not what was written."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Look into ``database``, which has the table."""
        self._ask = database.execute
        self._many = database.executemany
        self._codec = Codec()
        self._spans: dict[Chain, range] = {}
        """Where the starts of each chain's windows lie; what is outside need not be looked for."""

    def glance(self, place: Place) -> Glance | None:
        """Return what is known of a window without reading its rows; ``None``: not there."""
        if place[1].window.start not in self._starts(place[0]):
            return None
        key = row_key_of(place)
        row = self._ask(GLANCE, key).fetchone()
        return None if row is None else head_of(key, row)

    def recall(self, place: Place) -> Snapshot | None:
        """Return a window; ``None`` when it is not there."""
        if place[1].window.start not in self._starts(place[0]):
            return None
        key = row_key_of(place)
        row = self._ask(RECALL, key).fetchone()
        return None if row is None else self._snapshot(key, row)

    def last_window(self, chain: Chain, moment: int) -> Window | None:
        """Return the last of a chain's windows that starts by a moment, in Unix seconds."""
        if moment < self._starts(chain).start or not self._starts(chain):
            return None
        row = self._ask(LAST, (*chain, moment)).fetchone()
        if row is None:
            return None
        start, end, rollup, *head = row
        head_of((*chain, start, end, rollup), head)
        return Window(start, end)

    def scan(
        self, chain: Chain, span: Window | None, but: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order; ``span`` limits their starts, ``but`` are left out."""
        starts = self._starts(chain)
        if not starts or (
            span is not None and not (span.start < starts.stop and starts.start < span.end)
        ):
            return
        if span is None:
            rows = self._ask(f"{SCAN} {IN_ORDER}", chain)
        else:
            rows = self._ask(f"{SCAN} {STARTS} {IN_ORDER}", (*chain, *span))
        for start, end, rollup, *row in rows:
            slot = Slot(Window(start, end), bool(rollup))
            if slot not in but:
                yield slot, self._snapshot((*chain, start, end, rollup), row)

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        rows = self._ask(f"SELECT window_start, window_end, rollup {CHAIN} {IN_ORDER}", chain)
        for start, end, rollup in rows:
            yield Slot(Window(start, end), bool(rollup))

    def marks(self, chain: Chain) -> Iterator[tuple[Slot, bytes]]:
        """Yield a chain's slots in order, each with what changes when anything in it does."""
        found = self._ask(
            f"SELECT window_start, window_end, rollup, checksum {CHAIN} {IN_ORDER}", chain
        )
        for start, end, rollup, checksum in found:
            yield Slot(Window(start, end), bool(rollup)), checksum

    def chains(self) -> Iterator[Chain]:
        """Yield the chains that have windows, each found without a look at its windows."""
        row = self._ask(NEXT_CHAIN, ("", "", "")).fetchone()
        while row is not None:
            yield Chain(*row)
            row = self._ask(NEXT_CHAIN, row).fetchone()

    @property
    def records(self) -> int:
        """How many rows all windows have; each of them is looked at."""
        found: int = self._ask("SELECT coalesce(sum(rows), 0) FROM snapshots").fetchone()[0]
        return found

    def put(self, windows: Iterable[tuple[Place, Snapshot]]) -> None:
        """Put windows in the place of what was known of them."""
        self._many(PUT, (self._row(place, snapshot) for place, snapshot in windows))

    def drop(self, places: Iterable[Place]) -> None:
        """Let windows go."""
        self._many(DROP, map(row_key_of, places))

    def raise_revisions(self, raised: Mapping[Place, int]) -> None:
        """Give windows a later revision, their content being what it was."""
        for place, revision in raised.items():
            key = row_key_of(place)
            row = self._ask(GLANCE, key).fetchone()
            head_of(key, row)
            checksum = row_mark_of(*key, revision, *row[1:4])
            self._ask(RAISE, (revision, checksum, *key))

    def _starts(self, chain: Chain) -> range:
        """Return where the starts of a chain's windows lie."""
        known = self._spans.get(chain)
        if known is None:
            first, last = self._ask(FIRST_AND_LAST, (*chain, *chain)).fetchone()
            known = self._spans[chain] = range(0) if first is None else range(first, last + 1)
        return known

    def _row(self, place: Place, snapshot: Snapshot) -> tuple[Any, ...]:
        (chain, slot), key = place, row_key_of(place)
        starts, start = self._starts(chain), slot.window.start
        if not starts:
            self._spans[chain] = range(start, start + 1)
        elif start not in starts:
            self._spans[chain] = range(min(starts.start, start), max(starts.stop, start + 1))
        body = self._codec.pack(snapshot)
        head = (snapshot.revision, snapshot.rows, snapshot.digest)
        inner = xxh3_128_digest(body)
        return (*key, *head, row_mark_of(*key, *head, inner), inner, body)

    def _snapshot(self, key: tuple[Any, ...], row: Any) -> Snapshot:
        *head, body = row
        seen = head_of(key, head)
        if xxh3_128_digest(body) != head[3]:
            raise ValueError("a window's checksum is wrong")
        return self._codec.unpack(key[0], seen.revision, seen.digest, body)


def row_key_of(place: Place) -> tuple[Any, ...]:
    """Return a window's primary key."""
    chain, slot = place
    return (*chain, *slot.window, int(slot.rollup))


def head_of(key: tuple[Any, ...], row: Any) -> Glance:
    """Check what stands beside a window's rows.

    Raises:
        ValueError: it is not what was written.
    """
    revision, rows, digest, inner, checksum = row
    if checksum != row_mark_of(*key, revision, rows, digest, inner):
        raise ValueError("a window's checksum is wrong")
    return Glance(revision, rows, digest)
