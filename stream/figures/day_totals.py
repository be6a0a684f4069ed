"""An endpoint's records, added up once: into their UTC days, and days into what is there in all.

Windows come in the order of time mostly, so one day is added up at a time, and what the others came
to is packed. A day whose windows come at several times has a part for each of them.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from decimal import localcontext
from itertools import chain
from typing import Any, Final, TypeAlias

import zstandard
from msgspec import Struct

from stream.figures.days import (
    PRICED_BY,
    DayColumns,
    DayGroups,
    known_groups,
    pack_columns,
    pack_groups,
    repack_columns,
    rows_of,
    unpack_columns,
    wanted_names,
)
from stream.figures.levels import is_later, latest_rows
from stream.figures.rollup import Table, places_in_order
from stream.figures.spans import join_days
from stream.figures.totals import Totals, exact_column
from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY, Number
from stream.records.windows import Columns, Counters, Window, days_of

__all__ = ["DayTotals", "SortedDay"]

Group: TypeAlias = tuple[Any, ...]
LEVEL: Final = 1
"""How hard it is tried to pack well: a little."""
NO_DAY: Final = Window(0, 0)


class DayPacker(threading.local):
    """What packs days, of each thread: made for each day, it would take as long as to pack that."""

    def __init__(self) -> None:
        """Make it for one thread."""
        self.compress = zstandard.ZstdCompressor(LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


ZSTD: Final = DayPacker()


class PackedSums(Struct, frozen=True):
    """What some windows of a day came to, packed; of levels, in the latest of these windows."""

    content: bytes
    latest: Window | None = None


class SortedDay(Struct, frozen=True):
    """What a day came to, by the dimensions that were asked for, in canonical order."""

    days: Window
    groups: list[Group]
    columns: dict[str, list[Number | None]]


class DayTotals:
    """Totals of an endpoint's days, and of all of them together; days that windows join are one.

    A level is in a day what the latest window of it says, and in all the sum over windows.
    """

    def __init__(self, endpoint: Endpoint, *, priced: bool = False) -> None:
        """Start with none; ``priced``: by what prices go by too."""
        self.endpoint = endpoint
        self._more = PRICED_BY if priced else ()
        self._whole = Totals(endpoint)
        self._parts: dict[Window, list[PackedSums]] = {}
        self._days = NO_DAY
        """The days that are being added up."""
        self._totals = Totals(endpoint, self._more)
        self._latest: Table | None = None
        """Of levels, the latest window that said something in these days."""

    @property
    def whole(self) -> Totals:
        """What there is in all."""
        self.close()
        return self._whole

    def take(self, span: Window, dimensions: Columns, counters: Columns) -> None:
        """Count resolved records, given as columns, of windows that go over a span of time."""
        if span.start < self._days.start or span.end > self._days.end:
            self.close()
            self._days = days_of(span)
        self._totals.add(dimensions, counters)

    def take_levels(self, table: Table) -> None:
        """Note what the records that were taken last say of levels."""
        latest = latest_rows(self.endpoint, [table])
        if latest is not None:
            window, before = latest.windows[0], self._latest
            if before is None or is_later(window, before.windows[0]):
                self._latest = latest

    def take_groups(self, days: Window, groups: Mapping[Group, Counters]) -> None:
        """Note what a day came to, which counts in the whole already."""
        totals = Totals(self.endpoint, self._more)
        totals.take(0, groups)
        self._put(days, totals, days if self.endpoint.levels else None)

    def join(self, other: DayTotals) -> None:
        """Count what others have counted."""
        self.close()
        self._whole.join(other.whole)
        for days, parts in other._parts.items():
            self._parts.setdefault(days, []).extend(parts)

    def close(self) -> None:
        """Pack the days that are being added up, and add them to the whole."""
        if self._days == NO_DAY:
            return
        days, totals, latest = self._days, self._totals, self._latest
        self._whole.join(totals)
        if self.endpoint.levels:
            totals = Totals(self.endpoint, self._more)
            if latest is not None:
                totals.add(latest.dimensions, latest.counters)
        self._put(days, totals, None if latest is None else latest.windows[0])
        self._days, self._latest = NO_DAY, None
        self._totals = Totals(self.endpoint, self._more)

    def _put(self, days: Window, totals: Totals, latest: Window | None) -> None:
        """Keep what some windows came to; that there were windows joins days, if nothing else."""
        parts = self._parts.setdefault(days, [])
        groups, columns = totals.columns()
        if groups:
            packed = pack_columns(totals.names, groups, columns)
            # Copied: what compress() gives was cut to size, and would leave holes in memory.
            content = bytes(memoryview(ZSTD.compress(packed)))
            parts.append(PackedSums(content, latest))

    def spans(self) -> Iterator[Window]:
        """Yield the days that there are windows of, in order."""
        return (days for days, _ in self._joined_parts())

    def pack_days(self, wanted: Container[Window]) -> Iterator[tuple[Window, bytes, bool]]:
        """Yield what some of the days came to as :func:`pack_groups` has it, and if it is nothing.

        The order of groups may be another one. They were added up by what prices go by too.
        """
        names = wanted_names(Totals(self.endpoint, PRICED_BY).names)
        for days, parts in self._joined_parts():
            if days not in wanted:
                continue
            sums = [ZSTD.decompress(part.content) for part in parts]
            packed = repack_columns(self.endpoint, names, sums[0]) if len(sums) == 1 else None
            if packed is not None:
                yield days, packed, False
                continue
            found = add_parts(names, [unpack_columns(self.endpoint, one) for one in sums])
            groups = known_groups(self.endpoint, rows_of(*found))
            yield days, pack_groups(DayGroups(names, groups)), not groups

    @property
    def span(self) -> Window | None:
        """From the first day that came to anything to the last."""
        found = [days for days, parts in self._joined_parts() if parts]
        return Window(found[0].start, found[-1].end) if found else None

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions by which days are added up."""
        return self._totals.names

    def groups(self) -> Iterator[tuple[Window, DayGroups]]:
        """Yield what each of the days came to by what people ask for and prices go by, in order.

        Counters that the registry does not know are left out.
        """
        names = wanted_names(self.names)
        for day in self.days_by(names):
            rows = rows_of(day.groups, day.columns)
            yield day.days, DayGroups(names, known_groups(self.endpoint, rows))

    def days_by(self, names: tuple[str, ...], window: Window | None = None) -> Iterator[SortedDay]:
        """Yield what each of the days came to by some dimensions, in order.

        ``window`` limits the days to those that it touches.
        """
        for days, parts in self._joined_parts():
            if window is not None and not (days.start < window.end and window.start < days.end):
                continue
            sums = [self._unpack(part) for part in parts]
            if not sums:
                continue
            groups, columns = add_parts(names, sums)
            order = places_in_order(tuple(zip(*groups, strict=True)))
            yield SortedDay(
                days,
                [*map(groups.__getitem__, order)],
                {name: [*map(column.__getitem__, order)] for name, column in columns.items()},
            )

    def parts(self) -> Iterator[tuple[Window, Totals]]:
        """Yield what there is of each of the days, for :meth:`take_groups` of somebody else."""
        for days, parts in self._joined_parts():
            totals = Totals(self.endpoint, self._more)
            if parts:
                groups, columns = add_parts(totals.names, [self._unpack(part) for part in parts])
                totals.take(0, dict(rows_of(groups, columns)))
            yield days, totals

    def _unpack(self, part: PackedSums) -> DayColumns:
        return unpack_columns(self.endpoint, ZSTD.decompress(part.content))

    def _joined_parts(self) -> Iterator[tuple[Window, list[PackedSums]]]:
        """Yield days in order with their parts; those that have some in common are one."""
        self.close()
        for days, found in join_days(self._parts.items()):
            parts = [*chain.from_iterable(found)]
            if self.endpoint.levels and parts:
                last = parts[0]
                for part in parts[1:]:
                    last = part if is_later(part.latest, last.latest) else last
                yield days, [last]
            else:
                yield days, parts


def add_parts(
    names: tuple[str, ...], parts: list[DayColumns]
) -> tuple[list[Group], dict[str, list[Number | None]]]:
    """Add up the parts of a day by some dimensions."""
    if not parts:
        return [], {}
    first, *more = parts
    if not more:
        found = [*zip(*(first.dimensions[name] for name in names), strict=True)]
        if len(set(found)) == len(found):
            return found, first.counters
    places: dict[Group, int] = {}
    sums: defaultdict[str, list[Number | None]] = defaultdict(list)
    for part in parts:
        groups = zip(*(part.dimensions[name] for name in names), strict=True)
        rows = [places.setdefault(group, len(places)) for group in groups]
        for name, column in part.counters.items():
            sums[name].extend([None] * (len(places) - len(sums[name])))
            add_column(sums[name], rows, column)
    for column in sums.values():
        column.extend([None] * (len(places) - len(column)))
    return [*places], {name: exact_column(column) for name, column in sums.items()}


def add_column(sums: list[Number | None], rows: list[int], column: list[Number | None]) -> None:
    """Add a column's numbers to sums, each at the place that its row has."""
    with localcontext(MONEY):
        for place, number in zip(rows, column, strict=True):
            if number is not None:
                known = sums[place]
                sums[place] = number if known is None else known + number
