"""The state file: one SQLite database, locked, checked, and moved on by whole transactions."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec.msgpack import decode, encode

from stream.checkpoint import schema
from stream.checkpoint.codec import checked, checksum_of, packed, sealed, unpacked
from stream.checkpoint.letters import PageKey, letters_in, put_letters
from stream.checkpoint.lock import Lock
from stream.endpoints import ENDPOINTS, LISTS
from stream.errors import BadInput, Unavailable
from stream.figures import ChainSummary, PageEntry
from stream.records import Chain, Origin, Slot, Snapshot, Window
from stream.relations import SavedObjects
from stream.series import SavedSeries
from stream.tally import SavedTally

__all__ = ["Checkpoint", "Saved", "Store"]

REBUILD: Final = "move it away and replay the pages to build it again"


class Checkpoint(NamedTuple):
    """What has changed since the last checkpoint; it is stored whole, or not at all.

    A page without an entry is forgotten. ``objects`` is ``None`` when no list has changed.
    """

    now: int
    pages: Mapping[PageKey, PageEntry | None]
    letters: Mapping[PageKey, list[bytes]]
    runs: Iterable[tuple[Origin, ChainSummary]]
    snapshots: Iterable[tuple[Chain, Slot, Snapshot]]
    objects: SavedObjects | None
    tally: SavedTally
    series: Iterable[SavedSeries] = ()


class Saved(NamedTuple):
    """What a state file holds."""

    pages: dict[Origin, dict[int, PageEntry]]
    snapshots: dict[Chain, dict[Slot, Snapshot]]
    objects: SavedObjects
    tally: SavedTally
    series: list[SavedSeries]


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
        self._place: tuple[int, int] | None = None
        self._lock = None if read_only else Lock(path)
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
            self._place = place_of(os.fstat(descriptor))
            os.close(descriptor)
            self._database = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            self._database.text_factory = lambda text: text.decode(errors="surrogateescape")
        except (OSError, sqlite3.Error) as error:
            if self._lock is not None:
                self._lock.release()
            raise Unavailable(f"{path}: cannot be opened ({error})") from None
        try:
            with self._reading():
                self._prepare(read_only=read_only)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def size(self) -> int:
        """How many bytes it has on disk, with the log beside it."""
        found = 0
        for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            with suppress(OSError):
                found += path.stat().st_size
        return found

    def _prepare(self, *, read_only: bool) -> None:
        """Check what the file is; make the tables of a new one, move an older one on."""
        ask = self._database.execute
        application, version, tables = (
            ask("PRAGMA application_id").fetchone()[0],
            ask("PRAGMA user_version").fetchone()[0],
            ask("SELECT count(*) FROM sqlite_master").fetchone()[0],
        )
        if not tables and not version:
            schema.create(self._database)
        elif application != schema.APPLICATION:
            raise self._bad("found a database of another program, expected a state file")
        elif not 0 < version <= schema.VERSION:
            wanted = f"expected {schema.VERSION} or older"
            raise self._bad(f"found state of version {version}, {wanted}; {REBUILD}")
        ask("PRAGMA synchronous = FULL")
        found = ask("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self._bad(f"found a damaged state file ({found}); {REBUILD}")
        if 0 < version < schema.VERSION:
            if read_only:
                raise self._bad(
                    f"found state of version {version}, expected {schema.VERSION}; "
                    "replay or the daemon moves it on"
                )
            schema.migrate(self._database)

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
        """Return everything that the file holds but its letters, each row checked.

        Raises:
            BadInput: something in it is not what was written.
            Unavailable: it cannot be read.
        """
        with self._reading():
            counts: dict[str, bytes] = {}
            for name, checksum, body in self._database.execute("SELECT * FROM counts"):
                checked(checksum, name, body)
                counts[name] = body
            return Saved(
                self._pages(),
                self._snapshots(),
                decode(counts["objects"], type=SavedObjects) if "objects" in counts else [],
                decode(counts["tally"], type=SavedTally) if "tally" in counts else SavedTally(),
                list(self._series()),
            )

    def _pages(self) -> dict[Origin, dict[int, PageEntry]]:
        pages: dict[Origin, dict[int, PageEntry]] = {}
        rows = self._database.execute("SELECT * FROM pages")
        for source, endpoint, label, page, checksum, entry in rows:
            checked(checksum, source, endpoint, label, page, entry)
            if endpoint not in ENDPOINTS and endpoint not in LISTS:
                raise ValueError(f"{endpoint} is not registered")
            found = pages.setdefault(Origin(source, Chain(endpoint, label)), {})
            found[page] = decode(entry, type=PageEntry)
        return pages

    def _snapshots(self) -> dict[Chain, dict[Slot, Snapshot]]:
        snapshots: dict[Chain, dict[Slot, Snapshot]] = {}
        for *key, checksum, body in self._database.execute("SELECT * FROM snapshots"):
            checked(checksum, *key, body)
            endpoint, label, start, end, rollup, revision = key
            slots = snapshots.setdefault(Chain(endpoint, label), {})
            slots[Slot(Window(start, end), bool(rollup))] = unpacked(endpoint, revision, body)
        return snapshots

    def _series(self) -> Iterator[SavedSeries]:
        for *row, checksum in self._database.execute("SELECT * FROM series"):
            checked(checksum, *row)
            yield SavedSeries(*row)

    def letters(self) -> Iterator[bytes]:
        """Yield the dead letters in the order of chains and pages.

        Raises:
            BadInput, Unavailable: as :meth:`load`.
        """
        with self._reading():
            yield from letters_in(self._database)

    def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction.

        Raises:
            Unavailable: it cannot be written; what the last checkpoint stored is still there.
        """
        try:
            there = place_of(self.path.stat())
        except OSError as error:
            raise Unavailable(f"{self.path}: cannot be written ({error.strerror})") from None
        if there != self._place:
            raise Unavailable(f"{self.path}: cannot be written (another file stands there)")
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
        keys = {
            (origin.source, *origin.chain, page): entry
            for (origin, page), entry in checkpoint.pages.items()
        }
        many(
            "DELETE FROM pages WHERE (source, endpoint, label, page) = (?, ?, ?, ?)",
            (key for key, entry in keys.items() if entry is None),
        )
        many(
            "REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?)",
            (sealed(key, encode(entry)) for key, entry in keys.items() if entry is not None),
        )
        put_letters(self._database, checkpoint.letters)
        many(
            "REPLACE INTO cursors VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *(origin.source, *origin.chain, run.next_page),
                    *(run.window or (None, None)),
                    *(checkpoint.now, int(run.dead_letters)),
                )
                for origin, run in checkpoint.runs
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
        counts = {"tally": encode(checkpoint.tally)}
        if checkpoint.objects is not None:
            counts["objects"] = encode(checkpoint.objects)
        many(
            "REPLACE INTO counts VALUES (?, ?, ?)",
            (sealed((name,), body) for name, body in counts.items()),
        )
        many(
            "REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)",
            ((*row, checksum_of(*row)) for row in checkpoint.series),
        )


def place_of(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from another that stands in its place."""
    return status.st_dev, status.st_ino
