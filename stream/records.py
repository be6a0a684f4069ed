"""The values that every layer speaks of: windows, money, columns of records, delivered buckets.

A bucket's rows are kept as **columns**, one tuple for each dimension and each counter, in the
registry's order and with one more column at the end of each side for what the registry does not
know. Re-deliveries mostly bring the same rows in the same order, so whole columns compare and
merge at C speed, and a row costs no object of its own.
"""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

__all__ = [
    "DAY",
    "MAX_COUNT",
    "MAX_TIME",
    "MONEY",
    "Bucket",
    "Chain",
    "Columns",
    "Counters",
    "Identity",
    "Number",
    "Origin",
    "Outcomes",
    "Slot",
    "Snapshot",
    "Window",
    "canonical_order",
    "day_of",
    "exact",
    "larger",
    "money",
    "paired",
    "plain",
    "timestamp",
]

DAY: Final = 86_400
MAX_COUNT: Final = 2**63 - 1
MAX_TIME: Final = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that a date can show
MAX_INTEGER_DIGITS: Final = 38
MAX_FRACTION_DIGITS: Final = 30

MONEY: Final = decimal.Context(prec=120, traps=[decimal.Inexact, decimal.InvalidOperation])
"""Sums are made here: 120 digits hold 10⁵⁰ amounts of 38 + 30 digits, and rounding would raise."""

Number: TypeAlias = int | Decimal
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


class Bucket(NamedTuple):
    """One time slice as a page delivered it: rows as columns.

    ``dimensions`` and ``counters`` have a column for each name in the registry's entry and one for
    the unknown; a column has one value for each row. ``rollup`` tells ``daily_costs`` from data.
    ``digest`` is of the bucket's JSON, empty where nobody has worked it out. ``unread`` is that
    JSON where its rows were not decoded, because state has what they say.
    """

    window: Window
    rows: int
    dimensions: Columns
    counters: Columns
    rollup: bool = False
    digest: bytes = b""
    unread: bytes | memoryview | None = None


class Chain(NamedTuple):
    """Names a chain: the endpoint's key, the label, and the view.

    The view says by what groups and filters the chain was asked for, where that is known.
    """

    endpoint: str
    label: str
    view: str = ""


class Origin(NamedTuple):
    """Where pages come from: a source's name (empty for the directory of a replay), and the chain.

    State is one for all sources; which pages of a chain have been read is known for each of them.
    """

    source: str
    chain: Chain


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


def paired(held: HasColumns) -> Iterator[tuple[Identity, Column]]:
    """Yield the rows that stand as columns, each as its identity and its counters."""
    return zip(zip(*held.dimensions, strict=True), zip(*held.counters, strict=True), strict=True)


def larger(old: Any, new: Any) -> Any:
    """Return the larger of two counter values; an absent one is below all."""
    if old is None or new is None:
        return new if old is None else old
    return new if new > old else old  # noqa: FURB136 -- max() takes four times as long


def money(value: Decimal) -> Decimal:
    """Return the canonical form: no exponent, no trailing zeros, no −0.

    Raises:
        ValueError: it is not finite, or has more than 38 integer or 30 fraction digits.
    """
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")  # noqa: TRY004 -- the value is wrong, its type is right
    if not value:
        return Decimal(0)
    if (
        digits[-1]
        and -MAX_FRACTION_DIGITS <= exponent <= 0
        and value.adjusted() < MAX_INTEGER_DIGITS
    ):
        return value
    if value.adjusted() >= MAX_INTEGER_DIGITS:
        raise ValueError(f"more than {MAX_INTEGER_DIGITS} integer digits")
    kept = len(digits)
    while not digits[kept - 1]:
        kept -= 1
    exponent += len(digits) - kept
    if exponent < -MAX_FRACTION_DIGITS:
        raise ValueError(f"more than {MAX_FRACTION_DIGITS} fraction digits")
    return Decimal((sign, digits[:kept] + (0,) * max(exponent, 0), min(exponent, 0)))


def exact(value: Number) -> Number:
    """Return a sum or difference in canonical form; counts stay as they are."""
    if isinstance(value, int):
        return value
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return Decimal("0" if text in {"-0", ""} else text)


def plain(value: Number) -> str:
    """Write a number without an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def timestamp(seconds: int) -> str:
    """Write Unix seconds as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(seconds: int) -> Window:
    """Return the UTC day that holds the moment."""
    start = seconds - seconds % DAY
    return Window(start, start + DAY)


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
