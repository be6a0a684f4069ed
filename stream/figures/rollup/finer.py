"""The records that count so far, found by window, while coarser layers are compared with them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Final

from stream.figures.rollup.grains import Grain
from stream.figures.rollup.layers import Layer
from stream.figures.rollup.table import Record, record_order_of
from stream.records.windows import Window

__all__ = ["FinerRecords"]

start_of: Final = attrgetter("start")


class FinerRecords:
    """The finer records, in canonical order: each layer adds what it leaves."""

    def __init__(self) -> None:
        """Start with none."""
        self.by_window: defaultdict[Window, list[Record]] = defaultdict(list)
        self._grains: defaultdict[Window, set[Grain]] = defaultdict(set)
        self._ordered: list[Window] = []
        self._by_width: defaultdict[int, list[Window]] = defaultdict(list)

    def add(self, records: Iterable[Record]) -> None:
        """Count records from now on."""
        for window, some in groupby(sorted(records, key=record_order_of), attrgetter("window")):
            found = self.by_window[window]
            if not found:
                insort(self._ordered, window)
                insort(self._by_width[window.end - window.start], window)
                found.extend(some)
                self._grains[window].update({record.grain for record in found})
                continue
            for record in some:
                insort(found, record, key=record_order_of)
                self._grains[window].add(record.grain)

    def records(self) -> Iterator[Record]:
        """Yield all, in canonical order."""
        for window in self._ordered:
            yield from self.by_window[window]

    def records_in(self, windows: Iterable[Window]) -> Iterator[Record]:
        """Yield the records of some windows."""
        for window in windows:
            yield from self.by_window[window]

    def grains_in(self, windows: Iterable[Window]) -> set[Grain]:
        """Return the grains that the records of some windows have."""
        return set[Grain]().union(*(self._grains[window] for window in windows))

    def host_of(self, window: Window) -> Window:
        """Return the widest window that contains ``window`` and has records; else itself."""
        for width in sorted(self._by_width, reverse=True):
            if width <= window.end - window.start:
                break
            some = self._by_width[width]
            place = bisect_right(some, window.start, key=start_of) - 1
            if place >= 0 and some[place].end >= window.end:
                return some[place]
        return window

    def windows_near(self, host: Window, layers: list[Layer]) -> list[Window]:
        """Return the windows inside ``host`` that say something of the same time as the layers.

        They lie inside one of the layers' windows, or contain one.
        """
        own = sorted({layer.window for layer in layers})
        first = bisect_left(self._ordered, (host.start,))
        last = bisect_left(self._ordered, (host.end,))
        return [
            window
            for window in self._ordered[first:last]
            if window.end <= host.end and touches(window, own)
        ]


def touches(window: Window, own: list[Window]) -> bool:
    """Tell whether a window is inside one of some, of one width, or contains one."""
    before = bisect_right(own, window.start, key=start_of) - 1
    if before >= 0 and own[before].end >= window.end:
        return True
    after = bisect_left(own, window.start, key=start_of)
    return after < len(own) and own[after].end <= window.end
