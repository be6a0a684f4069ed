"""What a UTC day came to, by the dimensions that people ask for: what is shown is made of these.

A day's records are resolved and added up once, when something in it has changed. Series, the page
and tables are made of these sums, so that none of them goes through the records again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stream.figures.levels import latest_rows
from stream.figures.rollup import Table, resolve_windows
from stream.figures.spans import map_days
from stream.figures.totals import HAS_COST, Totals
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.money import Number, plain_text_of
from stream.records.windows import DAY, Counters, Window, days_of
from stream.state.saved_series import Span
from stream.state.windows import HeldWindow, Windows

__all__ = [
    "LEVELS",
    "PRICED_BY",
    "DayColumns",
    "DayGroups",
    "DayTotals",
    "group_totals",
    "groups_by_row",
    "groups_of_columns",
    "groups_of_span",
    "pack_groups",
    "total_windows",
    "unpack_columns",
    "unpack_groups",
]

Group: TypeAlias = tuple[Any, ...]
PRICED_BY: Final = ("batch", HAS_COST)
"""What prices go by, beside what every total does."""
WANTED: Final = ("project_id", "service_tier", "model", "line_item", "currency", *PRICED_BY)
LEVELS: Final = "usage/vector_stores"
"""The endpoint that says how much there is, and not how much was used."""
MOST: Final = 2**63
"""What a count in MessagePack is less than; a larger one is written as its digits."""

ENCODE: Final = msgspec.msgpack.Encoder(decimal_format="string").encode
Written = tuple[tuple[str, ...], list[msgspec.Raw], list[str], list[msgspec.Raw]]
DECODE: Final = msgspec.msgpack.Decoder(Written).decode
DECODE_COUNTS: Final = msgspec.msgpack.Decoder(list[int | None]).decode
DECODE_COLUMN: Final = msgspec.msgpack.Decoder(list[Any]).decode


class DayGroups(NamedTuple):
    """Sums of the registry's counters, by the values of some dimensions; exact."""

    names: tuple[str, ...]
    groups: dict[Group, Counters]


class DayTotals:
    """Totals of an endpoint's days; days that a window joins are one."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Start with none."""
        self.endpoint = endpoint
        self._totals: dict[Window, Totals] = {}
        self._long_spans: set[Window] = set()
        """Days that a window joins, whether or not it counts there itself."""

    def see_window(self, window: Window) -> None:
        """Note a window that there is, which may join days."""
        days = days_of(window)
        if days.end - days.start > DAY:
            self._long_spans.add(days)

    def take(self, table: Table) -> None:
        """Count resolved records, each in the UTC days that its window touches."""
        for window, rows in table.records_by_window():
            days = days_of(window)
            totals = self._totals.get(days)
            if totals is None:
                totals = self._totals[days] = Totals(self.endpoint, PRICED_BY)
            totals.add(rows.dimensions, rows.counters)

    def join(self, other: DayTotals) -> None:
        """Count what others have counted."""
        self._long_spans |= other._long_spans
        for days, totals in other._totals.items():
            self._totals.setdefault(days, Totals(self.endpoint, PRICED_BY)).join(totals)

    def groups(self) -> Iterator[tuple[Window, DayGroups]]:
        """Yield what each of the days came to, in order."""
        joined = map_days(self._totals.keys() | self._long_spans)
        for whole, some in groupby(sorted(self._totals), joined.__getitem__):
            first, *others = (self._totals[days] for days in some)
            totals = first
            if others:
                totals = Totals(self.endpoint, PRICED_BY)
                for one in (first, *others):
                    totals.join(one)
            yield whole, group_totals(self.endpoint, totals)


class DayColumns(NamedTuple):
    """The same, column by column: a value of each dimension and counter for each group.

    What a group has nothing of is ``None``.
    """

    dimensions: dict[str, list[Any]]
    counters: dict[str, list[Number | None]]


def total_windows(endpoint: Endpoint, held: Iterable[HeldWindow]) -> Totals:
    """Add up what windows come to together; of levels, what the latest of them holds."""
    totals = Totals(endpoint, PRICED_BY)
    tables: Iterable[Table] = (one.table for one in resolve_windows(endpoint, held, ordered=False))
    if endpoint.levels:
        rows = latest_rows(endpoint, tables)
        tables = () if rows is None else (rows,)
    for table in tables:
        totals.add(table.dimensions, table.counters)
    return totals


def groups_of_span(windows: Windows, span: Span) -> DayGroups:
    """Add up what some days come to."""
    endpoint = ENDPOINTS[span.endpoint]
    held = windows.windows_of(windows.chains_of(span.endpoint), span.window)
    return group_totals(endpoint, total_windows(endpoint, held))


def group_totals(endpoint: Endpoint, totals: Totals) -> DayGroups:
    """Return what records come to by the dimensions that people ask for."""
    names = tuple(name for name in WANTED if name in totals.names)
    known = frozenset(endpoint.counters)
    groups = {}
    for values, counters in totals.sums_by(*names):
        found = {name: value for name, value in counters.items() if name in known}
        if found:
            groups[values] = found
    return DayGroups(names, groups)


def pack_groups(found: DayGroups) -> bytes:
    """Return sums as bytes, column by column; the same sums give the same bytes."""
    counters = sorted({name for one in found.groups.values() for name in one})
    dimensions = [list(column) for column in zip(*found.groups, strict=True)]
    columns = [[write_number(one.get(name)) for one in found.groups.values()] for name in counters]
    return ENCODE((found.names, dimensions, counters, columns))


def unpack_columns(
    endpoint: Endpoint, packed: bytes, wanted: Container[str] | None = None
) -> DayColumns:
    """Return the sums that :func:`pack_groups` wrote; only the columns that are wanted, if any.

    Raises:
        ValueError: the bytes are not what was written.
    """
    names, dimensions, counters, columns = DECODE(packed)
    return DayColumns(
        {
            name: DECODE_COLUMN(column) if column else []
            for name, column in zip(names, dimensions or [b""] * len(names), strict=True)
            if wanted is None or name in wanted
        },
        {
            name: read_money(column) if name in endpoint.money else read_counts(column)
            for name, column in zip(counters, columns, strict=True)
            if wanted is None or name in wanted
        },
    )


def unpack_groups(endpoint: Endpoint, packed: bytes) -> DayGroups:
    """Return the sums that :func:`pack_groups` wrote.

    Raises:
        ValueError: the bytes are not what was written.
    """
    return groups_of_columns(unpack_columns(endpoint, packed))


def groups_of_columns(found: DayColumns) -> DayGroups:
    """Return sums group by group that stand column by column."""
    groups = {tuple(known.values()): counters for known, counters in groups_by_row(found)}
    return DayGroups(tuple(found.dimensions), groups)


def groups_by_row(found: DayColumns) -> Iterator[tuple[dict[str, Any], Counters]]:
    """Yield the dimensions and the sums of each group, in order."""
    names, counters = tuple(found.dimensions), tuple(found.counters)
    values = zip(*found.dimensions.values(), strict=True)
    for known, *numbers in zip(values, *found.counters.values(), strict=True):
        pairs = zip(counters, numbers, strict=True)
        yield (
            dict(zip(names, known, strict=True)),
            {name: value for name, value in pairs if value is not None},
        )


def write_number(value: Number | None) -> int | str | None:
    """Return a number as it is written: money as its digits, and so is what is very large."""
    if value is None or (isinstance(value, int) and -MOST <= value < MOST):
        return value
    return plain_text_of(value)


def read_counts(packed: msgspec.Raw) -> list[Number | None]:
    """Return the numbers of a column; some may be so large that they were written as text."""
    try:
        return [*DECODE_COUNTS(packed)]
    except msgspec.ValidationError:
        return [int(one) if isinstance(one, str) else one for one in DECODE_COLUMN(packed)]


def read_money(packed: msgspec.Raw) -> list[Number | None]:
    """Return the amounts of a column."""
    return [Decimal(one) if isinstance(one, str) else one for one in DECODE_COLUMN(packed)]
