"""The report's ``byDay``: what each day of an endpoint came to, an object on each line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain, islice, repeat
from typing import Any, Final, cast

from msgspec import Raw, Struct, defstruct
from msgspec.structs import asdict

from stream.figures.day_totals import SortedDay
from stream.figures.days import suited_dimensions
from stream.figures.endpoint import EndpointFigures
from stream.providers.endpoint import Endpoint
from stream.records.money import Number, plain_texts_of
from stream.sinks.details import ENCODER, camel_name_of, plain_number_of, struct_of, times_of

__all__ = ["append_rows", "day_rows_of"]

AT_ONCE: Final = 256
"""How many rows are encoded at once."""
PROJECT: Final = "project_id"


def append_rows(
    pieces: Iterable[bytes], name: str, rows: Iterable[Any], depth: int
) -> Iterator[bytes]:
    """Yield an object that is written piece by piece, with rows as its last member, each on a line.

    ``depth`` is how far in its closing brace stands, in spaces.
    """
    between, close = b",\n" + b" " * (depth + 4), b"\n" + b" " * depth + b"}"
    last = b""
    for piece in pieces:
        yield last
        last = piece
    yield last[: -len(close)] + b",\n" + b" " * (depth + 2) + b'"' + name.encode() + b'": ['
    left, separator, end = iter(rows), between[1:], b"]"
    while some := list(islice(left, AT_ONCE)):
        yield separator + ENCODER.encode_lines(some)[:-1].replace(b"\n", between)
        separator, end = between, b"\n" + b" " * (depth + 2) + b"]"
    yield end + close


def day_rows_of(figures: EndpointFigures, names: Mapping[str, str]) -> Iterator[Struct]:
    """Yield what each of an endpoint's days came to; ``names`` are those of projects."""
    layout = DayLayout(figures.endpoint, names)
    return chain.from_iterable(map(layout.show_day, figures.days.days_by(layout.dimensions)))


class DayLayout:
    """Where the rows of an endpoint's days have each column."""

    def __init__(self, endpoint: Endpoint, names: Mapping[str, str]) -> None:
        """Lay out one endpoint's days: by those dimensions that it has."""
        suited = suited_dimensions(endpoint)
        self.dimensions = tuple(name for name in suited if name in endpoint.dimensions)
        self._counters = endpoint.counters
        self._names = names
        shown = [camel_name_of(name) for name in self.dimensions]
        shown.insert(shown.index(camel_name_of(PROJECT)) + 1, "projectName")
        members = ["bucketTimestamp", "windowEnd", *shown, "metrics"]
        self._row: Any = defstruct("DayRow", [(name, Any) for name in members], gc=False)
        self._metrics = struct_of(endpoint.counters)

    def show_day(self, day: SortedDay) -> Iterator[Struct]:
        """Show a day's groups in order."""
        rows = len(day.groups)
        columns: list[Iterable[Any]] = []
        for name, column in zip(self.dimensions, zip(*day.groups, strict=True), strict=True):
            columns.append(column)
            if name == PROJECT:
                columns.append(map(self._names.get, column))
        return map(
            self._row,
            *map(repeat, times_of(day.days).values()),
            *columns,
            self._show_metrics(day, rows),
        )

    def _show_metrics(self, day: SortedDay, rows: int) -> Iterable[Any]:
        """Show each group's counters, as :func:`stream.sinks.details.show_all_counters` does."""
        shown = {name: show_column(column) for name, column in day.columns.items()}
        nothing = [None] * rows
        known = map(self._metrics, *(shown.pop(name, nothing) for name in self._counters))
        if not shown:
            return known
        return (
            asdict(metrics)
            | {name: shown[name][at] for name in sorted(shown) if shown[name][at] is not None}
            for at, metrics in enumerate(known)
        )


def show_column(column: list[Number | None]) -> list[Any]:
    """Write the numbers of a column; most have either counts alone, or money."""
    types = set(map(type, column))
    if types == {int}:
        return column
    if types == {Decimal}:
        return list(map(Raw, plain_texts_of(cast("list[Decimal]", column))))
    return list(map(plain_number_of, column))
