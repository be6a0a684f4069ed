"""The file itself: opened, locked, checked, and written all or none."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream.records.errors import Unavailable
from stream.state.sqlite import schema
from stream.state.sqlite.lock import Lock
from stream.state.sqlite.reader import REBUILD, WindowReader, connect

__all__ = ["StateFile"]


class StateFile(WindowReader):
    """A state file that this process alone works on, or a scratch file that goes with it."""

    def __init__(self, path: Path | None, *, read_only: bool = False) -> None:
        """Open the file, or make a new one that its owner alone can read.

        Read-only, it must be there, and may be in use: a reader sees the last checkpoint.
        Without a path it is a scratch file, of which SQLite keeps on disk what is much.

        Raises:
            Unavailable: it cannot be opened, or another process holds it.
            BadInput: it is no state file, damaged, or of another version.
        """
        self._place: tuple[int, int] | None = None
        self._lock = None if read_only or path is None else Lock(path)
        try:
            super().__init__(path, self._open(path, read_only=read_only))
        except (OSError, sqlite3.Error) as error:
            self._release()
            raise Unavailable(f"{path}: cannot be opened ({error})") from None
        try:
            with self.read_errors:
                self._prepare()
            self.look()
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path | None, *, read_only: bool) -> sqlite3.Connection:
        """Connect to the database; a new file is made."""
        if path is None:
            return sqlite3.connect("", isolation_level=None, check_same_thread=False)
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, flags, 0o600)
        self._place = file_identity_of(os.fstat(descriptor))
        os.close(descriptor)
        return connect(path, "ro" if read_only else "rw")

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def close(self) -> None:
        """Let go of the file."""
        super().close()
        self._release()

    @property
    def size(self) -> int:
        """How many bytes it has on disk, with the log beside it; a scratch file has none."""
        found = 0
        if self.path is not None:
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
                with suppress(OSError):
                    found += path.stat().st_size
        return found

    def _prepare(self) -> None:
        """Check what the file is; make the tables of a new one."""
        if self.path is None:
            self._database.executescript(
                f"PRAGMA page_size = 32768; PRAGMA journal_mode = OFF; {schema.TABLES}"
            )
            return
        ask = self._database.execute
        application, version, tables = (
            ask("PRAGMA application_id").fetchone()[0],
            ask("PRAGMA user_version").fetchone()[0],
            ask("SELECT count(*) FROM sqlite_master").fetchone()[0],
        )
        if not tables and not version:
            schema.create_tables(self._database)
        elif application != schema.APPLICATION:
            raise self.bad_file("found a database of another program, expected a state file")
        elif version != schema.VERSION:
            wanted = f"expected {schema.VERSION}"
            raise self.bad_file(f"found state of version {version}, {wanted}; {REBUILD}")
        ask("PRAGMA synchronous = FULL")
        found = ask("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise self.bad_file(f"found a damaged state file ({found}); {REBUILD}")

    def see_place(self) -> None:
        """See that the file still stands where it was opened.

        Raises:
            Unavailable: it is gone, or another one stands there.
        """
        if self.path is None:
            return
        try:
            there = file_identity_of(self.path.stat())
        except OSError as error:
            raise Unavailable(f"{self.path}: cannot be written ({error.strerror})") from None
        if there != self._place:
            raise Unavailable(f"{self.path}: cannot be written (another file stands there)")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make changes, all or none; name what keeps the file from being written."""
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            where = self.path or "a temporary file"
            raise Unavailable(f"{where}: cannot be written ({error})") from None


def file_identity_of(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from another that stands in its place."""
    return status.st_dev, status.st_ino
