"""The state file: one SQLite database, locked, checked, and moved on by whole transactions."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.msgpack import decode, encode

from stream.checkpoint.codec import checksum_of, packed, unpacked
from stream.checkpoint.lock import Lock
from stream.endpoints import ENDPOINTS, LISTS
from stream.errors import BadInput, Unavailable
from stream.figures import ChainRun, PageEntry
from stream.records import Chain, Slot, Snapshot, Window
from stream.relations import SavedObjects
from stream.tally import SavedTally

__all__ = ["Checkpoint", "Saved", "Store"]

APPLICATION: Final = 0x75736773  # "usgs", in the header of every state file
VERSION: Final = 1

SCHEMA: Final = """
CREATE TABLE pages (
    endpoint TEXT, label TEXT, page INTEGER, checksum BLOB NOT NULL, entry BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, page)
) WITHOUT ROWID;
CREATE TABLE cursors (
    endpoint TEXT, label TEXT, next_page TEXT, window_start INTEGER, window_end INTEGER,
    last_synced_at INTEGER NOT NULL, error_count INTEGER NOT NULL,
    PRIMARY KEY (endpoint, label)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    endpoint TEXT, label TEXT, window_start INTEGER, window_end INTEGER, rollup INTEGER,
    revision INTEGER NOT NULL, checksum BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (endpoint, label, window_start, window_end, rollup)
) WITHOUT ROWID;
CREATE TABLE counts (
    name TEXT PRIMARY KEY, checksum BLOB NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID;
"""

REBUILD: Final = "move it away and replay the pages to build it again"


class Checkpoint(NamedTuple):
    """What has changed since the last checkpoint; it is stored whole, or not at all."""

    now: int
    pages: list[tuple[Chain, PageEntry]]
    runs: Iterable[ChainRun]
    snapshots: Iterable[tuple[Chain, Slot, Snapshot]]
    objects: SavedObjects
    tally: SavedTally


class Saved(NamedTuple):
    """What a state file holds."""

    pages: dict[Chain, dict[int, PageEntry]]
    snapshots: dict[Chain, dict[Slot, Snapshot]]
    objects: SavedObjects
    tally: SavedTally


class Store:
    """A state file that this process alone works on."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the file, or make a new one that its owner alone can read.

        Read-only, it must be there, and may be in use: a reader sees the last checkpoint.

        Raises:
            Unavailable: it cannot be opened, or another process holds it.
            BadInput: it is no state file, damaged, or made by a newer version.
        """
        self.path = path
        self._lock = None if read_only else Lock(path)
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        try:
            os.close(os.open(path, flags | os.O_CLOEXEC, 0o600))
            self._database = sqlite3.connect(uri, uri=True, isolation_level=None)
            self._database.text_factory = lambda text: text.decode(errors="surrogateescape")
        except (OSError, sqlite3.Error) as error:
            if self._lock is not None:
                self._lock.release()
            raise Unavailable(f"{path}: cannot be opened ({error})") from None
        try:
            with self._reading():
                self._prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    def _prepare(self) -> None:
        """Check what the file is, and make the tables of a new one."""
        ask = self._database.execute
        application, version, tables = (
            ask("PRAGMA application_id").fetchone()[0],
            ask("PRAGMA user_version").fetchone()[0],
            ask("SELECT count(*) FROM sqlite_master").fetchone()[0],
        )
        if not tables and not version:
            ask("PRAGMA journal_mode = WAL")
            self._database.executescript(
                f"BEGIN; PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
                f"{SCHEMA} COMMIT;"
            )
        elif application != APPLICATION:
            raise self._bad("found a database of another program, expected a state file")
        elif version != VERSION:
            raise self._bad(f"found state of version {version}, expected {VERSION}; {REBUILD}")
        ask("PRAGMA synchronous = FULL")
        found = ask("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self._bad(f"found a damaged state file ({found}); {REBUILD}")

    def _bad(self, message: str) -> BadInput:
        return BadInput("state", message).at(str(self.path))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Name what is wrong with a file that cannot be read."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_ERROR:  # a format that is none
                raise self._bad(f"found a damaged state file ({error}); {REBUILD}") from None
            raise Unavailable(f"{self.path}: cannot be read ({error})") from None
        except (
            sqlite3.DatabaseError,
            msgspec.MsgspecError,
            zlib.error,
            ValueError,
            KeyError,
        ) as error:
            raise self._bad(f"found a damaged state file ({error}); {REBUILD}") from None

    def load(self) -> Saved:
        """Return everything that the file holds, each snapshot checked.

        Raises:
            BadInput: something in it is not what was written.
            Unavailable: it cannot be read.
        """
        pages: dict[Chain, dict[int, PageEntry]] = {}
        snapshots: dict[Chain, dict[Slot, Snapshot]] = {}
        with self._reading():
            ask = self._database.execute
            for endpoint, label, page, checksum, entry in ask("SELECT * FROM pages"):
                checked(checksum, endpoint, label, page, entry)
                if endpoint not in ENDPOINTS and endpoint not in LISTS:
                    raise ValueError(f"{endpoint} is not registered")
                found = pages.setdefault(Chain(endpoint, label), {})
                found[page] = decode(entry, type=PageEntry)
            for *key, checksum, body in ask("SELECT * FROM snapshots"):
                checked(checksum, *key, body)
                endpoint, label, start, end, rollup, revision = key
                slot = Slot(Window(start, end), bool(rollup))
                slots = snapshots.setdefault(Chain(endpoint, label), {})
                slots[slot] = unpacked(endpoint, revision, body)
            counts: dict[str, bytes] = {}
            for name, checksum, body in ask("SELECT * FROM counts"):
                checked(checksum, name, body)
                counts[name] = body
            objects = decode(counts["objects"], type=SavedObjects) if counts else []
            tally = decode(counts["tally"], type=SavedTally) if counts else SavedTally()
        return Saved(pages, snapshots, objects, tally)

    def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction.

        Raises:
            Unavailable: it cannot be written; what the last checkpoint stored is still there.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._write(checkpoint)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Unavailable(f"{self.path}: cannot be written ({error})") from None

    def _write(self, checkpoint: Checkpoint) -> None:
        """Put a checkpoint's rows into the tables."""
        many = self._database.executemany
        many(
            "REPLACE INTO pages VALUES (?, ?, ?, ?, ?)",
            (sealed((*chain, entry.page), encode(entry)) for chain, entry in checkpoint.pages),
        )
        many(
            "REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (*run.chain, run.next_page, *(run.window or (None, None)), checkpoint.now, 0)
                for run in checkpoint.runs
            ),
        )
        many(
            "REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                sealed(
                    (*chain, *slot.window, int(slot.rollup), snapshot.revision), packed(snapshot)
                )
                for chain, slot, snapshot in checkpoint.snapshots
            ),
        )
        many(
            "REPLACE INTO counts VALUES (?, ?, ?)",
            [
                sealed(("objects",), encode(checkpoint.objects)),
                sealed(("tally",), encode(checkpoint.tally)),
            ],
        )


def sealed(key: tuple[str | int, ...], body: bytes) -> tuple[Any, ...]:
    """Return a table's row: its key, the checksum of key and body, and the body."""
    return (*key, checksum_of(*key, body), body)


def checked(checksum: bytes, *row: str | int | bytes) -> None:
    """See that a row is what was written.

    Raises:
        ValueError: it is not.
    """
    if checksum != checksum_of(*row):
        raise ValueError("a row's checksum is wrong")
