"""The file itself: opened, locked, checked, and written all or none."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stream.records.errors import Unavailable
from stream.state.sqlite import schema
from stream.state.sqlite.checksums import FileMark, TableChecksums, check_tables, read_mark
from stream.state.sqlite.lock import Lock
from stream.state.sqlite.reader import REBUILD, WindowReader, connect, is_damage

__all__ = ["StateFile"]


class StateFile(WindowReader):
    """A state file that this process alone works on, or a scratch file that goes with it."""

    version = schema.VERSION
    """Of its tables: one that is only read may be of the former version."""

    def __init__(
        self, path: Path | None, *, read_only: bool = False, outlives: bool = True
    ) -> None:
        """Open the file, or make a new one that its owner alone can read.

        Read-only, it must be there, and may be in use: a reader sees the last checkpoint.
        Without a path it is a scratch file, of which SQLite keeps on disk what is much. Unless a
        file ``outlives`` its run, nothing of it will be wanted after a power cut.

        Raises:
            Unavailable: it cannot be opened, or another process holds it.
            BadInput: it is no state file, damaged, or of another version.
        """
        self._place: tuple[int, int] | None = None
        self._checksums: TableChecksums | None = None
        self.losses: list[str] = []
        """What the file has lost of what had been stored in it."""
        self.outlives = outlives
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
        if self._lock is not None:
            self._place = file_identity_of(os.fstat(self._lock.descriptor))
        elif not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
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

    @property
    def free_bytes(self) -> int:
        """How many bytes of the file hold nothing."""
        with self.read_errors:
            pages = self._database.execute("PRAGMA freelist_count").fetchone()[0]
            free: int = pages * self._database.execute("PRAGMA page_size").fetchone()[0]
            return free

    def give_back(self, pages: int) -> None:
        """Give so many of the file's pages that hold nothing back to the disk.

        Raises:
            Unavailable: the file cannot be written.
        """
        with self.transaction():
            for _ in range(pages):  # sqlite3 takes one step of it, which is one page
                self._database.execute("PRAGMA incremental_vacuum(1)")

    def _prepare(self) -> None:
        """Check what the file is; make the tables of a new one."""
        if self.path is None:
            self._database.executescript(
                f"PRAGMA page_size = 32768; PRAGMA journal_mode = OFF; {schema.TABLES}"
            )
            return
        ask = self._database.execute
        if not self.path.stat().st_size and not (self._lock and self._lock.is_new):
            self._refuse_empty()
        application, version, tables = (
            ask("PRAGMA application_id").fetchone()[0],
            ask("PRAGMA user_version").fetchone()[0],
            ask("SELECT count(*) FROM sqlite_master").fetchone()[0],
        )
        if not tables and not version:
            self._refuse_emptied()
            schema.create_tables(self._database)
        elif application != schema.APPLICATION:
            raise self.bad_file("found a database of another program, expected a state file")
        elif version not in {schema.VERSION, schema.FORMER_VERSION}:
            wanted = f"expected {schema.VERSION}"
            raise self.bad_file(f"found state of version {version}, {wanted}; {REBUILD}")
        ask(f"PRAGMA synchronous = {'FULL' if self.outlives else 'OFF'}")
        ask("BEGIN")  # all of it at one moment
        mark = self._check()
        ask("COMMIT")
        if self._lock is not None:
            if self.version != schema.VERSION:
                with self.transaction():
                    mark = schema.upgrade_tables(self._database, mark)
                self.version = schema.VERSION
            self._see_losses(self._lock, mark)
            self._checksums = TableChecksums(self._database, mark)

    def _refuse_emptied(self) -> None:
        """See that nothing was ever stored in a file without tables.

        Raises:
            BadInput: something was.
        """
        if self._lock is not None and self._lock.last_stored is not None:
            raise self.damaged_file("nothing is left of what was stored")

    def _refuse_empty(self) -> None:
        """Refuse a file without a byte that nobody was making.

        Raises:
            BadInput: always.
        """
        self._refuse_emptied()
        told = f"put a backup in its place, or {REBUILD}"
        raise self.bad_file(f"found an empty file, expected a state file; {told}")

    def _check(self) -> FileMark:
        """See that the file is what was written, but for the bodies of its rows; return its mark.

        Where rows are found, and that all are there, the rows themselves tell: what SQLite keeps
        beside them is looked at by ``state check`` alone, which reads all of the file.

        Raises:
            ValueError: it is not.
        """
        self.version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if schema.describe_tables(self._database) != schema.expected_tables(self.version):
            raise ValueError("its tables are not those that were made")
        found = self._database.execute("PRAGMA integrity_check(links)").fetchone()[0]
        if found != "ok":  # the index is as SQLite has made it
            raise ValueError(found)
        mark = read_mark(self._database)
        check_tables(self._database, mark)
        return mark

    def _see_losses(self, lock: Lock, mark: FileMark) -> None:
        """See whether the file has all that was stored in it: a log beside it may have been lost.

        Only as long as nobody has deleted what stands in ``FILE.lock``.
        """
        if lock.last_stored is not None:
            name, number = lock.last_stored
            if name == mark.name and number > mark.number:
                self.losses.append(
                    "The state file is of an earlier time than what was stored in it last "
                    f"(transaction {mark.number} of {number}): what came in between is read again, "
                    "and missing where its source is gone."
                )
        lock.note(mark.name, mark.number)

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
        checksums, lock = self._checksums, self._lock
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                if checksums is not None:
                    checksums.store()
                self._database.execute("COMMIT")
            except BaseException:
                if checksums is not None:
                    checksums.forget()
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            if is_damage(error):
                raise self.damaged_file(error) from None
            where = self.path or "a temporary file"
            raise Unavailable(f"{where}: cannot be written ({error})") from None
        if checksums is not None and lock is not None:
            checksums.note_stored()
            lock.note(checksums.mark.name, checksums.mark.number)


def file_identity_of(status: os.stat_result) -> tuple[int, int]:
    """Return what tells a file from another that stands in its place."""
    return status.st_dev, status.st_ino
