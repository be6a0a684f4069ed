"""What a UTC day came to, by the dimensions that people ask for: what is shown is made of these.

A day's records are resolved and added up once, when something in it has changed. Series, the page
and tables are made of these sums, so that none of them goes through the records again.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from stream.figures.levels import latest_rows
from stream.figures.rollup import Table, resolve_windows
from stream.figures.totals import HAS_COST, Totals
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.money import Number, plain_text_of, plain_texts_of
from stream.records.windows import Counters
from stream.state.saved_series import Span
from stream.state.windows import HeldWindow, Windows

__all__ = [
    "COSTS",
    "LEVELS",
    "PRICED_BY",
    "WANTED",
    "DayColumns",
    "DayGroups",
    "group_totals",
    "groups_of_span",
    "known_groups",
    "pack_columns",
    "pack_groups",
    "repack_columns",
    "rows_of",
    "suited_dimensions",
    "total_windows",
    "unpack_columns",
    "unpack_groups",
    "wanted_names",
]

Group: TypeAlias = tuple[Any, ...]
PRICED_BY: Final = ("batch", HAS_COST)
"""What prices go by, beside what every total does."""
WANTED: Final = ("project_id", "service_tier", "model", "line_item", "currency", *PRICED_BY)
OF_USAGE: Final = ("project_id", "service_tier", "model")
OF_COSTS: Final = ("project_id", "line_item", "currency")
COSTS: Final = "costs"
LEVELS: Final = "usage/vector_stores"
"""The endpoint that says how much there is, and not how much was used."""
MOST: Final = 2**63
"""What a count in MessagePack is less than; a larger one is written as its digits."""

ENCODE: Final = msgspec.msgpack.Encoder(decimal_format="string").encode
Written = tuple[tuple[str, ...], list[msgspec.Raw], list[str], list[msgspec.Raw]]
DECODE: Final = msgspec.msgpack.Decoder(Written).decode
DECODE_COUNTS: Final = msgspec.msgpack.Decoder(list[int | None]).decode
DECODE_COLUMN: Final = msgspec.msgpack.Decoder(list[Any]).decode


def suited_dimensions(endpoint: Endpoint) -> tuple[str, ...]:
    """Return the dimensions by which people see what an endpoint's rows are about."""
    return OF_COSTS if endpoint.key == COSTS else OF_USAGE


class DayGroups(NamedTuple):
    """Sums of the registry's counters, by the values of some dimensions; exact."""

    names: tuple[str, ...]
    groups: dict[Group, Counters]


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
    names = wanted_names(totals.names)
    return DayGroups(names, known_groups(endpoint, totals.sums_by(*names)))


def wanted_names(names: Container[str]) -> tuple[str, ...]:
    """Return those dimensions that people ask for, or prices go by, in their order."""
    return tuple(name for name in WANTED if name in names)


def known_groups(
    endpoint: Endpoint, groups: Iterable[tuple[Group, Counters]]
) -> dict[Group, Counters]:
    """Return groups with the counters that the registry knows; of which there is none, are not."""
    known, shown = frozenset(endpoint.counters), {}
    for values, counters in groups:
        found = {name: value for name, value in counters.items() if name in known}
        if found:
            shown[values] = found
    return shown


def pack_groups(found: DayGroups) -> bytes:
    """Return sums as bytes, column by column; the same sums give the same bytes."""
    counters = sorted({name for one in found.groups.values() for name in one})
    columns = {name: [one.get(name) for one in found.groups.values()] for name in counters}
    return pack_columns(found.names, found.groups, columns)


def pack_columns(
    names: tuple[str, ...], groups: Iterable[Group], columns: Mapping[str, list[Number | None]]
) -> bytes:
    """Return sums as bytes: the dimensions' names, the groups by them, and a column a counter."""
    dimensions = [list(column) for column in zip(*groups, strict=True)]
    written = [write_column(column) for column in columns.values()]
    return ENCODE((names, dimensions, [*columns], written))


def repack_columns(endpoint: Endpoint, names: tuple[str, ...], packed: bytes) -> bytes | None:
    """Return sums that are packed with what :func:`pack_groups` would leave out of them left out.

    ``None``: that cannot be told from the bytes, for they are by others than these names, have a
    counter that the registry does not know, or none that each group has.
    """
    written, _, counters, columns = DECODE(packed)
    if written != names or not frozenset(counters) <= frozenset(endpoint.counters):
        return None
    is_whole = any(None not in DECODE_COLUMN(column) for column in columns)
    return packed if is_whole else None


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
    dimensions, counters = unpack_columns(endpoint, packed)
    groups = zip(*dimensions.values(), strict=True)
    return DayGroups(tuple(dimensions), dict(rows_of(groups, counters)))


def rows_of(
    groups: Iterable[Group], columns: Mapping[str, list[Number | None]]
) -> Iterator[tuple[Group, Counters]]:
    """Yield each group with the counters that it has, of columns by counter."""
    for group, *numbers in zip(groups, *columns.values(), strict=True):
        found = zip(columns, numbers, strict=True)
        yield group, {name: value for name, value in found if value is not None}


def write_column(column: list[Number | None]) -> list[Any]:
    """Return the numbers of a column as they are written."""
    types = set(map(type, column))
    if types == {Decimal}:
        return plain_texts_of(cast("list[Decimal]", column))
    if types == {int}:
        counts = cast("list[int]", column)
        if min(counts) >= -MOST and max(counts) < MOST:
            return counts
    return list(map(write_number, column))


def write_number(value: Number | None) -> int | str | None:
    """Return a number as it is written: money as its digits, and so is what is very large."""
    if value is None or (isinstance(value, int) and -MOST <= value < MOST):
        return value
    return plain_text_of(value)


def read_counts(packed: msgspec.Raw) -> list[Number | None]:
    """Return the numbers of a column; some may be so large that they were written as text."""
    try:
        return cast("list[Number | None]", DECODE_COUNTS(packed))
    except msgspec.ValidationError:
        return [read_text(one) if isinstance(one, str) else one for one in DECODE_COLUMN(packed)]


def read_text(text: str) -> Number:
    """Return a number that was written as text: a counter that nobody knows may be a fraction."""
    return Decimal(text) if "." in text else int(text)


def read_money(packed: msgspec.Raw) -> list[Number | None]:
    """Return the amounts of a column."""
    return [Decimal(one) if isinstance(one, str) else one for one in DECODE_COLUMN(packed)]
