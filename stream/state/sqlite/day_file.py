"""A state file's days: what they came to, which of them are stale, and what a replay has kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.msgpack import decode, encode

from stream.records.chains import Chain
from stream.records.windows import Window
from stream.state.saved_series import SavedDay, SavedFigures, Span
from stream.state.sqlite import schema
from stream.state.sqlite.codec import check_row, seal_row
from stream.state.sqlite.days import days_in, last_day_in, mark_stale, put_days, stale_in
from stream.state.sqlite.file import StateFile
from stream.state.sqlite.replayed_days import (
    forget_all_replayed,
    forget_replayed,
    put_replayed,
    replayed_in,
    replayed_spans_in,
)

__all__ = ["FORMER", "NOBODY", "DayFile", "checked_body_of"]

FORMER: Final = "former chains"
"""The row of ``counts`` that has the former chains as the days were worked out."""
REPLAYED_FORMER: Final = "former chains of replayed days"
"""The same of the days that a replay has kept."""
NOBODY: Final = encode([])


class DayFile(StateFile):
    """The part of a state file that is worked out from its windows.

    Each method that reads raises ``BadInput`` where something is not what was written, and
    ``Unavailable`` where it cannot be read.
    """

    def days(self, endpoint: str, window: Window) -> Iterator[SavedDay]:
        """Yield what the days of an endpoint come to that a window touches."""
        with self.read_errors:
            yield from days_in(self._database, endpoint, window)

    def last_day(self, endpoint: str) -> SavedDay | None:
        """Return the last days of an endpoint."""
        with self.read_errors:
            return last_day_in(self._database, endpoint)

    def stale_spans(self, most: int) -> list[Span]:
        """Return at most so many spans with windows that changed since days were worked out."""
        with self.read_errors:
            return stale_in(self._database, most)

    def stale_near(self, span: Span) -> list[Span]:
        """Return the stale spans of an endpoint that touch some of its days."""
        with self.read_errors:
            return stale_in(self._database, span)

    def replayed_days(self, endpoint: str, window: Window) -> Iterator[SavedDay]:
        """Yield what a replay has kept of the days of an endpoint that a window touches."""
        if self._has_replayed:
            with self.read_errors:
                yield from replayed_in(self._database, endpoint, window)

    def replayed_spans(self, endpoint: str, former: frozenset[Chain]) -> set[Span]:
        """Return which days a replay has kept of an endpoint, if these were former chains then."""
        if self.replayed_former_chains != former:
            return set()
        with self.read_errors:
            return set(replayed_spans_in(self._database, endpoint))

    @property
    def replayed_former_chains(self) -> frozenset[Chain]:
        """The former chains as a replay has kept days."""
        query = "SELECT * FROM counts WHERE name = ?"
        with self.read_errors:
            row = self._database.execute(query, (REPLAYED_FORMER,)).fetchone()
            body = NOBODY if row is None else checked_body_of(*row)
            return decode(body, type=frozenset[Chain])

    def keep_replayed(self, days: Iterable[SavedDay], former: frozenset[Chain]) -> None:
        """Keep what a replay has found days to come to, in one transaction.

        Those that were kept under other ``former`` chains go.

        Raises:
            Unavailable: the file cannot be written.
        """
        self.see_place()
        is_other = self.replayed_former_chains != former
        with self.transaction():
            if is_other:
                forget_all_replayed(self._database)
                self._put_counts({REPLAYED_FORMER: encode(sorted(former))})
            put_replayed(self._database, days)

    @property
    def _has_replayed(self) -> bool:
        return self.version == schema.VERSION

    def _mark_stale(self, touched: set[Span]) -> None:
        """Note the days that nobody has worked out; a file that goes with its run needs none."""
        if self.outlives and self.path is not None:
            self._forget_replayed(touched)
            mark_stale(self._database, sorted(touched))

    def _forget_replayed(self, changed: Iterable[Span]) -> None:
        """Let days go that a replay has kept, and in which something has changed."""
        if self.outlives and self.path is not None:
            forget_replayed(self._database, changed)

    def _put_days(self, figures: SavedFigures) -> None:
        """Put days that were worked out into the tables."""
        put_days(self._database, figures)
        self._forget_replayed([*figures.dropped_spans, *(day.span for day in figures.days)])
        self._put_counts({FORMER: encode(sorted(figures.former_chains))})

    def _put_counts(self, counts: Mapping[str, bytes]) -> None:
        """Put what there is but once, by its name."""
        self._database.executemany(
            "REPLACE INTO counts VALUES (?, ?, ?)",
            (seal_row((name,), body) for name, body in counts.items()),
        )


def checked_body_of(name: str, checksum: bytes, body: bytes) -> bytes:
    """Return the body of a row of ``counts``.

    Raises:
        ValueError: it is not what was written.
    """
    check_row(checksum, name, body)
    return body
