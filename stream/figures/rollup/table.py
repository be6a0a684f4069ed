"""Records while they are resolved, one by one, and as columns when they are counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from msgspec import Struct, field

from stream.providers.endpoint import Endpoint
from stream.records.chains import Chain
from stream.records.money import Number, exact_number
from stream.records.windows import (
    Column,
    Columns,
    Counters,
    Identity,
    Slot,
    Snapshot,
    Window,
    canonical_order,
    pair_rows,
)

__all__ = [
    "Cluster",
    "Finding",
    "LabelDifference",
    "Overlap",
    "Record",
    "Table",
    "identity_of",
    "places_in_order",
    "present_values",
    "record_order_of",
    "table_alone",
    "table_of",
]


Cluster: TypeAlias = dict[Slot, list[tuple[Chain, Snapshot]]]
"""Windows that overlap, with what each chain says of them."""


class Table(Struct, frozen=True):
    """Resolved records as columns; ``windows`` and ``sources`` have an entry for each record."""

    windows: Sequence[Window]
    dimensions: Columns
    counters: Columns
    sources: Sequence[tuple[str, ...]]

    def rows(self, endpoint: Endpoint) -> Iterator[tuple[Window, dict[str, Any], Counters]]:
        """Yield the records one by one: window, dimensions, counters; what is absent left out."""
        for window, (dimensions, counters) in zip(self.windows, pair_rows(self), strict=True):
            known = present_values(endpoint.dimensions, dimensions)
            yield window, known, present_values(endpoint.counters, counters)

    def records_by_window(self) -> Iterator[tuple[Window, Table]]:
        """Yield each window with its records."""
        places: dict[Window, list[int]] = {}
        for place, window in enumerate(self.windows):
            places.setdefault(window, []).append(place)
        if len(places) == 1:
            yield self.windows[0], self
            return
        for window, some in places.items():
            yield (
                window,
                Table(
                    [window] * len(some),
                    tuple(tuple(column[place] for place in some) for column in self.dimensions),
                    tuple(tuple(column[place] for place in some) for column in self.counters),
                    [self.sources[place] for place in some],
                ),
            )


def present_values(names: Iterable[str], values: Column) -> dict[str, Any]:
    """Return the values that are there by name; the last one holds the unknown names."""
    known = {name: value for name, value in zip(names, values, strict=False) if value is not None}
    return {**known, **dict(values[-1] or ())}


class Finding(Struct, frozen=True):
    """What became of one counter of a rollup: absorbed, excess, short, stale or rounding.

    ``difference`` is the rollup less its ``details``, the sum of the records that agree with it.
    """

    status: str
    window: Window
    dimensions: dict[str, Any]
    counter: str
    rollup: Number
    details: Number | None
    difference: Number


class LabelDifference(Struct, frozen=True):
    """Figures of one counter of one identity, of labels that nothing puts in order."""

    window: Window
    dimensions: dict[str, Any]
    counter: str
    figures: dict[str, Number]


class Overlap(NamedTuple):
    """Two windows of which neither contains the other; ``wider_window`` counts instead.

    ``None``: there is none, and what they have in common counts twice.
    """

    window: Window
    other_window: Window
    wider_window: Window | None


class Record(Struct, eq=False):
    """One record: its identity, its dimensions by name, and the counters that are present.

    ``grain`` are the dimensions that its layer can tell apart, ``limits`` what that lets through.
    """

    window: Window
    identity: Identity
    dimensions: dict[str, Any]
    counters: Counters
    grain: frozenset[str]
    limits: Mapping[str, frozenset[Any]]
    sources: set[str] = field(default_factory=set)
    revision: int = 0
    residual: bool = False
    order: tuple[Any, ...] | None = None


def identity_of(endpoint: Endpoint, dimensions: Mapping[str, Any]) -> Identity:
    """Return the identity that has these dimensions."""
    known = tuple(map(dimensions.get, endpoint.dimensions))
    others = [
        (name, value)
        for name, value in sorted(dimensions.items())
        if value is not None and name not in endpoint.dimensions
    ]
    return (*known, tuple(others) or None)


def record_order_of(record: Record) -> tuple[Any, ...]:
    """Give the canonical order of records: window, dimensions, residuals after records.

    It is worked out once, when a record is put in its place for the first time.
    """
    if record.order is None:
        record.order = (*record.window, canonical_order(record.identity), record.residual)
    return record.order


def table_of(endpoint: Endpoint, records: Sequence[Record]) -> Table:
    """Arrange records as columns."""
    known = frozenset(endpoint.counters)
    figures = [
        {name: exact_number(value) for name, value in record.counters.items()} for record in records
    ]
    counters = [tuple(row.get(name) for row in figures) for name in endpoint.counters]
    others = tuple(
        None
        if known >= row.keys()
        else tuple(sorted((name, value) for name, value in row.items() if name not in known))
        for row in figures
    )
    width = len(endpoint.dimensions) + 1
    return Table(
        [record.window for record in records],
        tuple(tuple(record.identity[index] for record in records) for index in range(width)),
        (*counters, others),
        [tuple(sorted(record.sources)) for record in records],
    )


def table_alone(window: Window, label: str, snapshot: Snapshot, *, ordered: bool) -> Table:
    """Return the records of a window that touches no other: its columns as they stand.

    ``ordered``: the records in canonical order.
    """
    rows = snapshot.rows
    dimensions, counters = snapshot.dimensions, snapshot.counters
    places = places_in_order(dimensions) if ordered and rows > 1 else range(rows)
    if places != range(rows):
        put = itemgetter(*places)
        dimensions, counters = tuple(map(put, dimensions)), tuple(map(put, counters))
    return Table([window] * rows, dimensions, counters, [(f"bucket:data:{label}",)] * rows)


def places_in_order(dimensions: Columns) -> Sequence[int]:
    """Return where rows stand, in canonical order; no two are alike."""
    keys = list(zip(*map(ranks_of, dimensions), strict=True))
    places = sorted(range(len(keys)), key=keys.__getitem__)
    return range(len(keys)) if places == list(range(len(keys))) else places


def ranks_of(column: Column) -> Iterable[int]:
    """Return numbers that order as the column's values do, canonically."""
    distinct = set(column)
    if len(distinct) == 1:
        return [0] * len(column)
    absent = None in distinct
    distinct.discard(None)
    try:
        ordered = sorted(distinct)
    except TypeError:  # booleans beside texts
        ordered = sorted(distinct, key=lambda value: canonical_order((value,)))
    ranks: dict[Any, int] = {value: rank for rank, value in enumerate(ordered, absent)}
    ranks[None] = 0
    return map(ranks.__getitem__, column)
