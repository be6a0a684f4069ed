"""The values that every layer speaks of: windows, money, columns of records, delivered buckets.

A bucket's rows are kept as **columns**, one tuple for each dimension and each counter, in the
registry's order and with one more column at the end of each side for what the registry does not
know. Re-deliveries mostly bring the same rows in the same order, so whole columns compare and
merge at C speed, and a row costs no object of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from stream.records.money import Number

__all__ = [
    "DAY",
    "MAX_COUNT",
    "MAX_TIME",
    "Bucket",
    "Columns",
    "Counters",
    "Identity",
    "Outcomes",
    "Slot",
    "Snapshot",
    "Window",
    "canonical_order",
    "day_of",
    "days_of",
    "larger_value",
    "pair_rows",
    "timestamp",
]

DAY: Final = 86_400
MAX_COUNT: Final = 2**63 - 1
MAX_TIME: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that a date can show


Column: TypeAlias = tuple[Any, ...]
Columns: TypeAlias = tuple[Column, ...]
Identity: TypeAlias = tuple[Any, ...]
"""Dimension values in the registry's order, then ``((name, value), …)`` of the unknown ones."""
Counters: TypeAlias = dict[str, Number]
"""The counters that are present, by the API's own name; an absent one is not in it."""


class Window(NamedTuple):
    """A bucket's start (inclusive) and end (exclusive), in Unix seconds, UTC."""

    start: int
    end: int

    def contains(self, other: Window) -> bool:
        """Tell whether ``other`` lies wholly inside, and is not the same window."""
        return self.start <= other.start and other.end <= self.end and self != other

    @property
    def crosses_midnight(self) -> bool:
        """Whether it ends after the UTC day that it starts in."""
        return self.end > day_of(self.start).end


class Bucket(Struct, frozen=True):
    """One time slice as a page delivered it: rows as columns.

    ``dimensions`` and ``counters`` have a column for each name in the registry's entry and one for
    the unknown; a column has one value for each row. ``rollup`` tells ``daily_costs`` from data.
    ``digest`` is of the bucket's JSON, empty where nobody has worked it out. ``unread_json`` is
    that JSON where its rows were not decoded, because state has what they say.
    """

    window: Window
    rows: int
    dimensions: Columns
    counters: Columns
    rollup: bool = False
    digest: bytes = b""
    unread_json: bytes | memoryview | None = None


class Slot(NamedTuple):
    """A window's place in a chain's state; rollups are kept apart from records."""

    window: Window
    rollup: bool


class Snapshot(NamedTuple):
    """What a window holds: unique rows as columns, and the identities that collided.

    ``digest`` is of the one bucket that says just this, empty where it is not known to be one.
    """

    revision: int
    dimensions: Columns
    counters: Columns
    collisions: frozenset[Identity] = frozenset()
    digest: bytes = b""

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return len(self.counters[0])


class HasColumns(Protocol):
    """Anything whose rows stand as columns."""

    @property
    def dimensions(self) -> Columns: ...
    @property
    def counters(self) -> Columns: ...


class Outcomes(NamedTuple):
    """What became of a bucket's rows; the four add up to the rows that came in."""

    new: int = 0
    duplicate: int = 0
    revised: int = 0
    superseded: int = 0


def pair_rows(held: HasColumns) -> Iterator[tuple[Identity, Column]]:
    """Yield the rows that stand as columns, each as its identity and its counters."""
    return zip(zip(*held.dimensions, strict=True), zip(*held.counters, strict=True), strict=True)


def larger_value(old: Any, new: Any) -> Any:
    """Return the larger of two counter values; an absent one is below all."""
    if old is None or new is None:
        return new if old is None else old
    return new if new > old else old  # noqa: FURB136 -- max() takes four times as long


def timestamp(seconds: int) -> str:
    """Write Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(seconds: int) -> Window:
    """Return the UTC day that holds the moment."""
    start = seconds - seconds % DAY
    return Window(start, start + DAY)


def days_of(window: Window) -> Window:
    """Return the UTC days that a window touches, as one."""
    return Window(day_of(window.start).start, day_of(max(window.end - 1, window.start)).end)


def canonical_order(values: Iterable[Any]) -> tuple[Any, ...]:
    """Give a sort key over dimension values: absent first, then booleans, texts, unknown pairs."""
    return tuple(
        (0,)
        if value is None
        else (1, value)
        if isinstance(value, bool)
        else (2, value)
        if isinstance(value, str)
        else (3, tuple((name, canonical_order((inner,))) for name, inner in value))
        for value in values
    )
