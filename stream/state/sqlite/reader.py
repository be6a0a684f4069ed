"""Reading windows from a state file: what is damaged or cannot be read is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from stream.records.chains import Chain
from stream.records.errors import BadInput, Unavailable
from stream.records.windows import Slot, Snapshot, Window
from stream.state.sqlite.table import StoredWindows
from stream.state.windows import Glance, Place

__all__ = ["REBUILD", "WindowReader", "connect", "is_damage"]

REBUILD: Final = "move it away and replay the pages to build it again"
DAMAGE: Final = (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError, KeyError, TypeError)
"""What reading raises when something is not what was written, or of another type."""
OUTSIDE: Final = frozenset(
    [
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    ]
)
"""What SQLite says of the world around a file, and not of what is in it."""


def is_damage(error: BaseException) -> bool:
    """Tell whether an error says that something is not what was written."""
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) is not None:
        code: int = error.sqlite_errorcode
        return code & 0xFF not in OUTSIDE or code == sqlite3.SQLITE_IOERR_SHORT_READ
    return isinstance(error, DAMAGE)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a database; ``mode`` is ``ro`` or ``rw``, and a new file is not made."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    database = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    database.text_factory = lambda text: text.decode(errors="surrogateescape")
    return database


class ReadErrors:
    """Names what is wrong with a file that cannot be read; entered for every window, so it is slim.

    It is no generator: those take several times as long.
    """

    def __init__(self, reader: WindowReader) -> None:
        """Speak of the file of ``reader``."""
        self._reader = reader

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """End; an error of the file's is raised as one of ours."""
        if error is None:
            return
        if is_damage(error):
            raise self._reader.damaged_file(error) from None
        if isinstance(error, sqlite3.OperationalError):
            raise Unavailable(f"{self._reader.path}: cannot be read ({error})") from None


class WindowReader:
    """The windows of a state file, or of a scratch file, which has no path.

    Each method raises ``BadInput`` where something is not what was written, and ``Unavailable``
    where it cannot be read.
    """

    def __init__(self, path: Path | None, database: sqlite3.Connection) -> None:
        """Read from a database that is open."""
        self.path = path
        self._database = database
        self.read_errors = ReadErrors(self)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def look(self) -> None:
        """Look into the table of windows, which must be there."""
        with self.read_errors:
            self._windows = StoredWindows(self._database)

    def bad_file(self, message: str) -> BadInput:
        """Make the error for a file that is not what it should be."""
        return BadInput("state", message).name_place(str(self.path or "temporary state"))

    def damaged_file(self, error: object) -> BadInput:
        """Make the error for a file that is not what was written."""
        return self.bad_file(f"found a damaged state file ({error}); {REBUILD}")

    @contextmanager
    def freeze(self) -> Iterator[WindowReader]:
        """Give the windows as they are in the file now, whatever is written meanwhile."""
        if self.path is None:
            yield self
            return
        with self.read_errors:
            reader = WindowReader(self.path, connect(self.path, "ro"))
        try:
            with self.read_errors:
                reader._database.execute("BEGIN")
            reader.look()
            yield reader
        finally:
            reader.close()

    def glance(self, place: Place) -> Glance | None:
        """Return what is known of a window without reading its rows; ``None``: not there."""
        with self.read_errors:
            return self._windows.glance(place)

    def recall(self, place: Place) -> Snapshot | None:
        """Return a window; ``None`` when it is not there."""
        with self.read_errors:
            return self._windows.recall(place)

    def last_window(self, chain: Chain, moment: int) -> Window | None:
        """Return the last of a chain's windows that starts by a moment, in Unix seconds."""
        with self.read_errors:
            return self._windows.last_window(chain, moment)

    def scan(
        self, chain: Chain, span: Window | None, but: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order; ``span`` limits their starts, ``but`` are left out."""
        found = self._windows.scan(chain, span, but)
        while True:
            with self.read_errors:
                one = next(found, None)
            if one is None:
                return
            yield one

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        with self.read_errors:
            yield from self._windows.slots(chain)

    def check_chain(self, chain: Chain) -> None:
        """Look at each window of a chain, but not at its rows."""
        for slot in self.slots(chain):
            self.glance((chain, slot))

    def check_windows(self) -> None:
        """Look at each window, and at its rows."""
        with self.read_errors:
            for chain in self._windows.chains():
                for _ in self._windows.scan(chain, None, ()):
                    pass

    @property
    def records(self) -> int:
        """How many rows the windows have."""
        with self.read_errors:
            return self._windows.records
