"""The records that count, as columns: what every file for others is written from.

One schema for all endpoints. A record has values in the columns that its endpoint has, and null in
the others; what the registry does not know, and what does not fit into its column, stands in two
columns as JSON. Windows are resolved one after another, so that memory does not grow with the
number of records. Texts have no control characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import chain, compress
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from stream.figures.breakdown import ALL_TIME
from stream.figures.rollup import Table, resolve_windows
from stream.figures.series import label_value_of
from stream.providers.endpoint import IDENTITY_ORDER, Endpoint
from stream.providers.openai import ENDPOINTS, PROVIDER
from stream.records.chains import Chain
from stream.records.privacy import escape_json, show_label
from stream.records.windows import Window
from stream.sinks.details import plain_number_of
from stream.sinks.exports.schema import COLUMNS, KINDS, OTHER_COUNTERS, OTHER_DIMENSIONS
from stream.state.windows import Windows

__all__ = ["BatchColumns", "NamedWindows", "RecordBatch", "batches_in", "batches_of"]


class NamedWindows(NamedTuple):
    """The windows that records are made from, and the names of projects by their ids."""

    windows: Windows
    project_names: Mapping[str, str]


BatchColumns: TypeAlias = dict[str, list[Any]]


class RecordBatch(NamedTuple):
    """Some records of one endpoint, in canonical order: every column, each of ``rows`` values.

    Columns may be one and the same list, so none is changed.
    """

    endpoint: Endpoint
    rows: int
    columns: BatchColumns

    def cut(self, first: int, end: int) -> RecordBatch:
        """Return the records from a place to before another."""
        return RecordBatch(
            self.endpoint,
            end - first,
            {name: column[first:end] for name, column in self.columns.items()},
        )


AT_ONCE: Final = 4_096
"""About how many records are in a batch; a window with more is one batch."""


TEXTS: Final = frozenset(name for name, kind in KINDS.items() if kind == "text")
ENCODE: Final = msgspec.json.Encoder(order="deterministic").encode


def batches_of(
    recorded: NamedWindows,
    endpoints: Iterable[str] = ENDPOINTS,
    span: Window = ALL_TIME,
    projects: frozenset[str] | None = None,
) -> Iterator[RecordBatch]:
    """Yield the records whose windows start in a span, endpoint by endpoint in canonical order.

    ``projects`` are ids as they are shown; ``None`` is all of them.

    Raises:
        BadInput, Unavailable: the windows cannot be read.
    """
    known = {one.endpoint for one in recorded.windows.chains}
    for key in sorted(known.intersection(endpoints)):
        chains = recorded.windows.chains_of(key)
        wide = ALL_TIME if span == ALL_TIME else widen_span(recorded.windows, chains, span)
        yield from batches_in(recorded, key, wide, span, projects)


def batches_in(
    recorded: NamedWindows,
    key: str,
    held_in: Window,
    span: Window,
    projects: frozenset[str] | None = None,
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
        if span != held_in or projects is not None:
            batch = choose_records(batch, span, projects)
        if batch.rows:
            yield batch


def widen_span(windows: Windows, chains: Iterable[Chain], span: Window) -> Window:
    """Return when all windows start that say something of those which start in a span.

    One of before may reach into it, and what that says again counts once.
    """
    first, begin, end = None, 0, 0
    for (start, last), _ in merge(*map(windows.slots, chains)):
        if start >= end:
            if start >= span.end:
                break
            begin = start
        end = max(end, last)
        if first is None and start >= span.start:
            first = begin
    return Window(span.start if first is None else first, max(span.end, end))


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
    windows = join_columns(table.windows for table in tables)
    dimensions = [
        join_columns(columns) for columns in zip(*(one.dimensions for one in tables), strict=True)
    ]
    counters = [
        join_columns(columns) for columns in zip(*(one.counters for one in tables), strict=True)
    ]
    found: BatchColumns = {
        "provider": [PROVIDER] * rows,
        "endpoint": [endpoint.key] * rows,
        "window_start": [window.start for window in windows],
        "window_end": [window.end for window in windows],
        "sources": show_sources(join_columns(table.sources for table in tables)),
    }
    found |= zip(endpoint.dimensions, dimensions, strict=False)
    found |= zip(endpoint.counters, counters, strict=False)
    found["project_name"] = list(map(names.get, found["project_id"]))
    place_others(found, OTHER_DIMENSIONS, expel_texts(found, dimensions[-1]))
    place_others(found, OTHER_COUNTERS, counters[-1])
    for name in TEXTS.intersection(found):
        found[name] = show_texts(found[name])
    absent = [None] * rows
    columns = {one.name: found.get(one.name, absent) for one in COLUMNS}
    return RecordBatch(endpoint, rows, columns)


def join_columns(columns: Iterable[Iterable[Any]]) -> list[Any]:
    """Put columns behind each other."""
    return list(chain.from_iterable(columns))


def show_texts(column: list[Any]) -> list[Any]:
    """Return a column whose texts have no control characters; what differs stays different."""
    texts = {value for value in set(column) if isinstance(value, str)}
    odd = {text: shown for text in texts if (shown := show_label(text)) != text}
    return [odd.get(value, value) for value in column] if odd else column


def show_sources(column: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return sources without control characters."""
    shown = {one: tuple(map(show_label, one)) for one in set(column)}
    return list(map(shown.__getitem__, column))


def expel_texts(found: BatchColumns, others: list[Any]) -> list[Any]:
    """Take texts out of columns of flags; return the other dimensions with them."""
    for name in found:
        if KINDS[name] == "flag" and any(isinstance(one, str) for one in set(found[name])):
            texts = [one if isinstance(one, str) else None for one in found[name]]
            others = [
                pairs if text is None else (*(pairs or ()), (name, text))
                for pairs, text in zip(others, texts, strict=True)
            ]
            found[name] = [None if isinstance(one, str) else one for one in found[name]]
    return others


SUITED: Final[dict[str, Callable[[Any], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "count": lambda value: isinstance(value, int),
    "money": lambda _: True,
}
"""Which values fit into a column of an endpoint that has no such name usually."""
DIMENSIONS: Final = frozenset(IDENTITY_ORDER)
COUNTERS: Final = frozenset(name for one in ENDPOINTS.values() for name in one.counters)


def place_others(found: BatchColumns, rest: str, others: list[Any]) -> None:
    """Put what the endpoint does not usually have into its column, or as JSON into the rest."""
    if others.count(None) == len(others):
        return
    names = COUNTERS if rest == OTHER_COUNTERS else DIMENSIONS
    texts: list[str | None] = [None] * len(others)
    for row, pairs in enumerate(others):
        left = {}
        for name, value in pairs or ():
            if name in names and SUITED[KINDS[name]](value):
                found.setdefault(name, [None] * len(others))[row] = value
            else:
                left[name] = plain_number_of(value)
        if left:
            texts[row] = escape_json(ENCODE(left)).decode()
    found[rest] = texts


def choose_records(
    batch: RecordBatch, span: Window, projects: frozenset[str] | None
) -> RecordBatch:
    """Return the records of a batch whose windows start in a span, of some projects."""
    chosen = [span.start <= start < span.end for start in batch.columns["window_start"]]
    if projects is not None:
        column = batch.columns["project_id"]
        wanted = {one for one in set(column) if label_value_of(one) in projects}
        chosen = [a and one in wanted for a, one in zip(chosen, column, strict=True)]
    if all(chosen):
        return batch
    columns = {name: list(compress(column, chosen)) for name, column in batch.columns.items()}
    return RecordBatch(batch.endpoint, sum(chosen), columns)
