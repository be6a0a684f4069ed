"""A state file that is looked at as a whole: what it holds, whether it is sound, and its copy.

It may be in use: what is seen is the last checkpoint.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain as chain_of
from pathlib import Path
from typing import Final, NamedTuple

from stream.providers.openai import ENDPOINTS
from stream.records.chains import FOLDED, Chain
from stream.records.errors import BadInput, Unavailable
from stream.records.windows import MAX_TIME, Slot, Window
from stream.state.sqlite.checksums import read_mark
from stream.state.sqlite.reader import is_damage
from stream.state.sqlite.store import Store

__all__ = ["HeldMonth", "Inspection", "check_copy"]

ALL_TIME: Final = Window(0, MAX_TIME)
MONTHS: Final = (
    "SELECT endpoint, strftime('%Y-%m', window_start, 'unixepoch'), substr(label, 1, ?) = ?, "
    "count(*), sum(rows), sum(length(body)), min(window_start), max(window_end) "
    "FROM snapshots GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
BY_REVISION: Final = (
    "SELECT window_start, window_end, rollup, revision FROM snapshots "
    "WHERE (endpoint, label, view) = (?, ?, ?) ORDER BY revision, window_start, window_end, rollup"
)


class HeldMonth(NamedTuple):
    """What is held of an endpoint's month (UTC, by the windows' starts): ``YYYY-MM``.

    ``bytes`` are those of the rows as they are packed, and ``span`` goes from the first start to
    the last end. ``is_folded``: it is of days that were folded.
    """

    endpoint: str
    month: str
    is_folded: bool
    windows: int
    rows: int
    bytes: int
    span: Window


class Inspection(Store):
    """A state file that is only read; each method raises as :meth:`Store.load` does."""

    has_links = True

    def __init__(self, path: Path) -> None:
        """Open a state file that is there.

        Raises:
            BadInput, Unavailable: as :class:`Store`.
        """
        super().__init__(path, read_only=True)

    @property
    def transaction_number(self) -> int:
        """How many transactions have changed it."""
        with self.read_errors:
            return read_mark(self._database).number

    def count_rows(self, table: str) -> int:
        """Return how many rows a table has."""
        with self.read_errors:
            return read_mark(self._database).tables[table][0]

    @contextmanager
    def hold_moment(self) -> Iterator[None]:
        """Have all that is read meanwhile be of one moment, whatever is written."""
        with self.read_errors:
            self._database.execute("BEGIN")
        try:
            yield
        finally:
            self._database.rollback()

    def months(self) -> Iterator[HeldMonth]:
        """Yield what is held of each endpoint's months, in order."""
        with self.read_errors:
            found = self._database.execute(MONTHS, (len(FOLDED), FOLDED))
            for endpoint, month, folded, windows, rows, size, start, end in found:
                span = Window(start, end)
                yield HeldMonth(endpoint, month, bool(folded), windows, rows, size, span)

    def slots_by_revision(self, chain: Chain) -> Iterator[tuple[int, Slot]]:
        """Yield a chain's revisions and slots, the earliest revision first."""
        with self.read_errors:
            for start, end, rollup, revision in self._database.execute(BY_REVISION, chain):
                yield revision, Slot(Window(start, end), bool(rollup))

    def marks(self, chain: Chain) -> Iterator[tuple[Slot, bytes]]:
        """Yield a chain's slots in order, each with what changes when anything in it does."""
        with self.read_errors:
            yield from self._windows.marks(chain)

    def check_whole(self) -> None:
        """See that all of the file is what was written, whether anybody asks for it or not."""
        with self.read_errors:
            found = self._database.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise ValueError(found)
        self.load()
        self.check_windows()
        for _ in self.links():
            pass
        for _ in self.placed_letters():
            pass
        for endpoint in ENDPOINTS:
            for _ in chain_of(
                self.days(endpoint, ALL_TIME), self.replayed_days(endpoint, ALL_TIME)
            ):
                pass
        _ = self.replayed_former_chains
        self.stale_spans(self.count_rows("stale_days"))

    def copy_to(self, target: Path) -> None:
        """Copy the file into another, all of it as of one moment.

        Raises:
            BadInput: it is damaged.
            Unavailable: the other cannot be written.
        """
        try:
            with closing(sqlite3.connect(target)) as copy:
                self._database.backup(copy)
        except sqlite3.Error as error:
            if is_damage(error):
                raise self.damaged_file(error) from None
            raise Unavailable(f"{target}: cannot be written ({error})") from None


def check_copy(path: Path, original: Path) -> int:
    """See that a copy is whole; return its last transaction.

    Raises:
        BadInput: it is not, and so was not what was copied.
        Unavailable: it cannot be read.
    """
    try:
        with closing(Inspection(path)) as copy:
            copy.check_whole()
            return copy.transaction_number
    except BadInput as error:
        raise error.name_place(str(original)) from None
