"""The records that count, as columns: what every file for others is written from.

One schema for all endpoints. A record has values in the columns that its endpoint has, and null in
the others; what the registry does not know stands in two columns as JSON. Windows are resolved one
after another, so that memory does not grow with the number of records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from stream.figures.breakdown import ALL_TIME
from stream.figures.rollup import Table, resolve_windows
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS, PROVIDER
from stream.records.windows import Window
from stream.state.windows import Windows

__all__ = [
    "COLUMNS",
    "BatchColumns",
    "Column",
    "NamedWindows",
    "RecordBatch",
    "batches_in",
    "batches_of",
]

ColumnKind: TypeAlias = Literal["text", "flag", "count", "money", "time", "texts", "json"]


class Column(NamedTuple):
    """A column of the schema: its name, what it holds, and what it means.

    ``text`` is text, ``flag`` true or false, ``count`` a whole number, ``money`` an exact decimal,
    ``time`` Unix seconds, ``texts`` a sequence of texts in order, ``json`` an object as text. Any
    may be null, but for ``provider``, ``endpoint``, the window and ``sources``.
    """

    name: str
    kind: ColumnKind
    explanation: str


class NamedWindows(NamedTuple):
    """The windows that records are made from, and the names of projects by their ids."""

    windows: Windows
    project_names: Mapping[str, str]


BatchColumns: TypeAlias = dict[str, list[Any]]


class RecordBatch(NamedTuple):
    """Some records of one endpoint, in canonical order: every column, each of ``rows`` values."""

    endpoint: Endpoint
    rows: int
    columns: BatchColumns


OTHER_DIMENSIONS: Final = "other_dimensions"
OTHER_COUNTERS: Final = "other_counters"
FLAG: Final = "batch"
"""The dimension that is true or false; the API may say a text all the same."""
AT_ONCE: Final = 4_096
"""About how many records are in a batch; a window with more is one batch."""


def schema_columns() -> Iterator[Column]:
    """Yield the columns in order: place, dimensions, counters, and what is not known."""
    yield Column("provider", "text", "Whose API it was read from")
    yield Column("endpoint", "text", "The endpoint, as the report names it")
    yield Column("window_start", "time", "When the window starts, in UTC")
    yield Column("window_end", "time", "When it ends, in UTC; the end is not part of it")
    for name in unique_names(one.dimensions for one in ENDPOINTS.values()):
        kind: ColumnKind = "flag" if name == FLAG else "text"
        yield Column(name, kind, f"The API's dimension {name}")
        if name == "project_id":
            yield Column("project_name", "text", "What the project is called")
    yield Column(OTHER_DIMENSIONS, "json", "Dimensions that have no column, by name")
    for name in unique_names(one.counts for one in ENDPOINTS.values()):
        yield Column(name, "count", f"The API's counter {name}")
    for name in unique_names(one.money for one in ENDPOINTS.values()):
        yield Column(name, "money", f"The API's figure {name}, exact")
    yield Column(OTHER_COUNTERS, "json", "Counters that have no column, by name, as exact numbers")
    yield Column("sources", "texts", "What told of it, as bucket:data:primary")


def unique_names(found: Iterable[Iterable[str]]) -> list[str]:
    """Return names once each, in the order in which they first stand."""
    return list(dict.fromkeys(chain.from_iterable(found)))


COLUMNS: Final = tuple(schema_columns())
"""The schema of records, for all endpoints and all formats."""
ENCODE: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def batches_of(
    recorded: NamedWindows, endpoints: Iterable[str] = ENDPOINTS, span: Window = ALL_TIME
) -> Iterator[RecordBatch]:
    """Yield the records whose windows start in a span, endpoint by endpoint in canonical order.

    Raises:
        BadInput, Unavailable: the windows cannot be read.
    """
    known = {one.endpoint for one in recorded.windows.chains}
    for key in sorted(known.intersection(endpoints)):
        # A window of before may reach into the span, and what it says again counts once.
        yield from batches_in(recorded, key, ALL_TIME, span)


def batches_in(
    recorded: NamedWindows, key: str, held_in: Window, span: Window
) -> Iterator[RecordBatch]:
    """Yield an endpoint's records whose windows start in a span, in canonical order.

    No window that starts in ``held_in`` touches one that does not, and the span is in there.

    Raises:
        BadInput, Unavailable: the windows cannot be read.
    """
    endpoint, windows = ENDPOINTS[key], recorded.windows
    held = windows.windows_of(windows.chains_of(key), None if held_in == ALL_TIME else held_in)
    found = (one.table for one in resolve_windows(endpoint, held, ordered=True))
    for tables, rows in gather_tables(found):
        batch = batch_of(endpoint, tables, rows, recorded.project_names)
        if span != held_in:
            batch = starting_in(batch, span)
        if batch.rows:
            yield batch


def gather_tables(found: Iterable[Table]) -> Iterator[tuple[list[Table], int]]:
    """Yield tables together, with how many records they have, until these are enough."""
    tables: list[Table] = []
    rows = 0
    for table in found:
        tables.append(table)
        rows += len(table.windows)
        if rows >= AT_ONCE:
            yield tables, rows
            tables, rows = [], 0
    if rows:
        yield tables, rows


def batch_of(
    endpoint: Endpoint, tables: list[Table], rows: int, names: Mapping[str, str]
) -> RecordBatch:
    """Put the records of some tables into the columns of the schema."""
    found: BatchColumns = {
        "provider": [PROVIDER] * rows,
        "endpoint": [endpoint.key] * rows,
        "window_start": [window.start for table in tables for window in table.windows],
        "window_end": [window.end for table in tables for window in table.windows],
        "sources": [sources for table in tables for sources in table.sources],
    }
    for place, name in enumerate(endpoint.dimensions):
        found[name] = [value for table in tables for value in table.dimensions[place]]
    for place, name in enumerate(endpoint.counters):
        found[name] = [value for table in tables for value in table.counters[place]]
    others = [one for table in tables for one in table.dimensions[-1]]
    if FLAG in endpoint.dimensions:
        found[FLAG], others = leave_flags(found[FLAG], others)
    place_others(found, OTHER_DIMENSIONS, others)
    place_others(found, OTHER_COUNTERS, [one for table in tables for one in table.counters[-1]])
    found["project_name"] = list(map(names.get, found.get("project_id", [None] * rows)))
    columns = {one.name: found.get(one.name) or [None] * rows for one in COLUMNS}
    return RecordBatch(endpoint, rows, columns)


def leave_flags(values: list[Any], others: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the flags of a column, and with the other dimensions those that are texts."""
    texts = [isinstance(value, str) for value in values]
    if not any(texts):
        return values, others
    moved = [
        (*(pairs or ()), (FLAG, value)) if is_text else pairs
        for value, pairs, is_text in zip(values, others, texts, strict=True)
    ]
    return [None if is_text else value for value, is_text in zip(values, texts, strict=True)], moved


SUITED: Final[dict[str, Callable[[Any], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "count": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "money": lambda value: not isinstance(value, bool),
}
"""Which values fit into a column of an endpoint that has no such name usually."""


def suited_names(*own: Iterable[Iterable[str]]) -> dict[str, Callable[[Any], bool]]:
    """Return names that have a column, each with what tells whether a value fits into it."""
    kinds = {one.name: one.kind for one in COLUMNS}
    return {name: SUITED[kinds[name]] for names in own for name in unique_names(names)}


SUITED_DIMENSIONS: Final = suited_names(one.dimensions for one in ENDPOINTS.values())
SUITED_COUNTERS: Final = suited_names(one.counters for one in ENDPOINTS.values())


def place_others(found: BatchColumns, rest: str, others: list[Any]) -> None:
    """Put what the endpoint does not usually have into its column, or as JSON into the rest."""
    suited = SUITED_COUNTERS if rest == OTHER_COUNTERS else SUITED_DIMENSIONS
    texts: list[str | None] = [None] * len(others)
    for row, pairs in enumerate(others):
        left = {}
        for name, value in pairs or ():
            if name in suited and suited[name](value):
                found.setdefault(name, [None] * len(others))[row] = value
            else:
                left[name] = value
        if left:
            texts[row] = ENCODE(left).decode()
    found[rest] = texts


def starting_in(batch: RecordBatch, span: Window) -> RecordBatch:
    """Return the records of a batch whose windows start in a span."""
    starts = batch.columns["window_start"]
    places = [row for row, start in enumerate(starts) if span.start <= start < span.end]
    if len(places) == batch.rows:
        return batch
    columns = {name: [column[row] for row in places] for name, column in batch.columns.items()}
    return RecordBatch(batch.endpoint, len(places), columns)
