"""A checksum over each table, so that a row is missed that is gone, or out of its place.

A row's own checksum tells whether that row is whole. One whose key is damaged is not found by its
key any more, and would be taken for one that never was. So the file also keeps, for each table, how
many rows it has and what their checksums come to (XOR), moved on in the same transaction by
triggers of the connection, whatever statement changes a row. They are compared when the file is
opened, and the rows must stand in the order of their keys: then every row is where it is looked
for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from os import urandom
from typing import Any, Final, NamedTuple

from msgspec.msgpack import decode, encode

from stream.state.sqlite.codec import check_row, row_mark_of, seal_row

__all__ = [
    "MARK",
    "FileMark",
    "TableChecksums",
    "add_tables",
    "check_tables",
    "read_mark",
    "start_mark",
]

KEYS: Final = {
    "parts": "source, part",
    "counts": "name",
    "snapshots": "endpoint, label, view, window_start, window_end, rollup",
    "letters": "source, part, page, endpoint, label, view, place",
    "series": "family, labels",
    "links": "endpoint, label, view, revision, source, part, place",
    "days": "endpoint, first",
    "stale_days": "endpoint, first, last",
    "replayed_days": "endpoint, first",
}
"""The tables, and what each one's rows are ordered by."""
HEADS: Final = {"snapshots": ", revision, rows, digest, body_checksum"}
"""What a row's checksum covers beside its key, where that can be read without its body."""
MARK: Final = "mark"
"""The row of ``counts`` that has all this, and is of no checksum but its own."""
WIDTH: Final = 16

READ: Final = "SELECT checksum, body FROM counts WHERE name = ?"
PUT: Final = "REPLACE INTO counts VALUES (?, ?, ?)"


class FileMark(NamedTuple):
    """What a file must hold: its ``name``, its last transaction, each table's rows and checksum."""

    name: bytes
    number: int
    tables: dict[str, tuple[int, bytes]]


def add_tables(database: sqlite3.Connection, mark: FileMark) -> FileMark:
    """Give a file a mark in which tables stand that it had not, without rows; return it."""
    nothing = dict.fromkeys(KEYS, (0, bytes(WIDTH)))
    added = FileMark(mark.name, mark.number + 1, nothing | mark.tables)
    put_mark(database, added)
    return added


def start_mark(database: sqlite3.Connection) -> None:
    """Give a file that has no rows its mark."""
    nothing = dict.fromkeys(KEYS, (0, bytes(WIDTH)))
    put_mark(database, FileMark(urandom(8), 0, nothing))


def put_mark(database: sqlite3.Connection, mark: FileMark) -> None:
    """Put a file's mark in the place of the one before."""
    database.execute(PUT, seal_row((MARK,), encode(mark)))


def read_mark(database: sqlite3.Connection) -> FileMark:
    """Return a file's mark.

    Raises:
        ValueError: it is gone, or not what was written.
    """
    found = database.execute(READ, (MARK,)).fetchone()
    if found is None:
        raise ValueError("its mark is gone")
    checksum, body = found
    check_row(checksum, MARK, body)
    return decode(body, type=FileMark)


def check_tables(database: sqlite3.Connection, mark: FileMark) -> None:
    """See that each table has the rows that it must have, in the order of their keys.

    Raises:
        ValueError: one has not.
    """
    for table in mark.tables:
        key, head = KEYS[table], HEADS.get(table, "")
        query = f"SELECT checksum, {key}{head} FROM {table} ORDER BY {key}"  # noqa: S608 -- names from here
        width = key.count(",") + 1
        try:
            found = checksum_rows(database.execute(query), width, covered=bool(head))
        except TypeError:  # a value of another type
            raise ValueError(f"a row of {table} is damaged") from None
        if found != mark.tables[table]:
            raise ValueError(f"{table} has not the rows that were written")


def checksum_rows(rows: Iterator[Sequence[Any]], width: int, *, covered: bool) -> tuple[int, bytes]:
    """Count rows and add up their checksums; keys of so many columns come behind those.

    ``covered``: what a row has is all that its checksum is of.

    Raises:
        ValueError: a row is out of order, or not what was written.
    """
    count, total, number_of = 0, 0, int.from_bytes
    last: list[Any] = []
    for checksum, *row in rows:
        if covered and checksum != row_mark_of(*row):
            raise ValueError("a row's checksum is wrong")
        key = row[:width]
        if key <= last:
            raise ValueError("a row is out of its place")
        last = key
        if key != [MARK]:
            count += 1
            total ^= number_of(checksum, "big")
    return count, total.to_bytes(WIDTH, "big")


class TableChecksums:
    """Follows what a connection does to the rows of a file, and stores that with each transaction.

    The triggers are the connection's own, and not in the file.
    """

    def __init__(self, database: sqlite3.Connection, mark: FileMark) -> None:
        """Begin with what the file has."""
        self._database = database
        self._changed = False
        self.mark = self._next = mark
        self._tables = unpack_tables(mark)
        database.create_function("note_row", 3, self._note)
        database.execute("PRAGMA recursive_triggers = ON")  # or REPLACE would delete unseen
        for table in KEYS:
            but = f" WHEN {{0}}.name <> '{MARK}'" if table == "counts" else ""
            for event, old, new in (
                ("INSERT", "NULL", "NEW.checksum"),
                ("DELETE", "OLD.checksum", "NULL"),
                ("UPDATE", "OLD.checksum", "NEW.checksum"),
            ):
                when = but.format("OLD" if new == "NULL" else "NEW")
                database.execute(
                    f"CREATE TEMP TRIGGER {table}_{event} AFTER {event} ON main.{table}{when} "
                    f"BEGIN SELECT note_row('{table}', {old}, {new}); END"
                )

    def _note(self, table: str, old: bytes | None, new: bytes | None) -> None:
        """Note that a row has come, gone, or changed."""
        found = self._tables[table]
        if old is not None:
            found[0] -= 1
            found[1] ^= int.from_bytes(old, "big")
        if new is not None:
            found[0] += 1
            found[1] ^= int.from_bytes(new, "big")
        self._changed = True

    def store(self) -> None:
        """Put what has changed into the file, before its transaction ends."""
        if not self._changed:
            return
        tables = {
            table: (count, total.to_bytes(WIDTH, "big"))
            for table, (count, total) in self._tables.items()
        }
        if tables != self.mark.tables:
            self._next = FileMark(self.mark.name, self.mark.number + 1, tables)
            put_mark(self._database, self._next)

    def note_stored(self) -> None:
        """Note that the transaction is in the file."""
        self.mark, self._changed = self._next, False

    def forget(self) -> None:
        """Forget what has changed: the transaction was given up."""
        self._next, self._changed = self.mark, False
        self._tables = unpack_tables(self.mark)


def unpack_tables(mark: FileMark) -> dict[str, list[int]]:
    """Return each table's rows and checksum as numbers that can be moved on."""
    return {
        table: [count, int.from_bytes(one, "big")] for table, (count, one) in mark.tables.items()
    }
