"""What days came to, in the order of time: as they are kept, or worked out from windows.

Days that were kept are stale where their windows have changed since; these are worked out again,
by the same function. Pages that nobody has kept days of are a store in which every day is stale.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping
from heapq import merge
from typing import NamedTuple, Protocol

from stream.figures.days import DayColumns, groups_of_span, pack_groups, unpack_columns
from stream.figures.endpoint import EndpointFigures
from stream.figures.spans import join_spans, overlap, whole_spans
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Window, days_of
from stream.state.saved_series import ReplayedDayReader, SavedDay, Span
from stream.state.windows import Windows

__all__ = ["BookDay", "Daybook", "DaysOfWindows", "FiguresDaybook", "StoredDaybook"]


class BookDay(NamedTuple):
    """What an endpoint's UTC day came to; several days that a window joins are one."""

    days: Window
    sums: DayColumns


class Daybook(Protocol):
    """Has what days came to."""

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint that a window touches, in order, with these columns.

        Raises:
            BadInput, Unavailable: they cannot be read.
        """


class StoredDaybook:
    """Reads days from a store; those that have changed are worked out from windows.

    ``former`` are the chains that were former ones when the store's days were worked out, and
    ``replayed_former`` those when a replay kept days of its own, which stand for stale ones.
    """

    def __init__(
        self,
        store: ReplayedDayReader,
        windows: Windows,
        former: frozenset[Chain] = frozenset(),
        replayed_former: frozenset[Chain] = frozenset(),
    ) -> None:
        """Read from ``store``, and what is stale there from ``windows``."""
        self.store = store
        self.windows = windows
        self._changed_chains = former ^ frozenset(windows.former_chains)
        changed = replayed_former ^ frozenset(windows.former_chains)
        self._changed_endpoints = {chain.endpoint for chain in changed}
        """Of which nothing that a replay has kept stands for what is there."""

    def changed_spans(self, endpoint: str, window: Window) -> list[Span]:
        """Return the days to be worked out again among those of a window."""
        span = Span(endpoint, window)
        touched = set(self.store.stale_near(span))
        for chain in self._changed_chains:
            if chain.endpoint == endpoint:
                found = spans_of_chain(self.windows, chain)
                touched |= {
                    one
                    for one in found
                    if one.window.start < window.end and window.start < one.window.end
                }
        return whole_spans(self.store, touched)

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint that a window touches, in order, with these columns.

        Raises:
            BadInput, Unavailable: they cannot be read.
        """
        known, stale = ENDPOINTS[endpoint], self.changed_spans(endpoint, window)
        kept = leave_out(self.store.days(endpoint, window), stale)
        again = self._work_out(stale, self._replayed_days(endpoint, window) if stale else ())
        for (_, days), packed, _ in merge(kept, again):
            yield BookDay(days, unpack_columns(known, packed, wanted))

    def _replayed_days(self, endpoint: str, window: Window) -> Iterable[SavedDay]:
        """Return the days that a replay has kept, if they are what their windows come to."""
        if endpoint in self._changed_endpoints:
            return ()
        return self.store.replayed_days(endpoint, window)

    def _work_out(self, spans: list[Span], replayed: Iterable[SavedDay]) -> Iterator[SavedDay]:
        """Yield what days come to; those that a replay has kept, as it has. Both are in order."""
        coming = iter(replayed)
        day = next(coming, None)
        for span in spans:
            while day is not None and day.span < span:
                day = next(coming, None)
            if day is not None and day.span == span:
                yield day
            else:
                yield SavedDay(span, pack_groups(groups_of_span(self.windows, span)))


class FiguresDaybook:
    """Has the days of a report's figures."""

    def __init__(self, figures: Mapping[str, EndpointFigures]) -> None:
        """Take figures by their endpoints' keys."""
        self._figures = figures

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint that a window touches, in order, with these columns."""
        found = self._figures.get(endpoint)
        if found is None:
            return
        names = tuple(name for name in found.days.names if name in wanted)
        for day in found.days.days_by(names, window):
            dimensions = zip(names, zip(*day.groups, strict=True), strict=True)
            yield BookDay(
                day.days,
                DayColumns(
                    {name: list(column) for name, column in dimensions},
                    {name: column for name, column in day.columns.items() if name in wanted},
                ),
            )


class DaysOfWindows:
    """Days of windows of which nobody has worked out any: all are stale."""

    def __init__(self, windows: Windows) -> None:
        """Look into these windows, which do not change, for days."""
        self.windows = windows
        self._spans: dict[str, list[Span]] = {}
        """Endpoint → its days, joined where windows join them, in order."""

    def days(self, _: str, __: Window) -> Iterator[SavedDay]:
        """Yield none."""
        return iter(())

    replayed_days = days

    def stale_near(self, span: Span) -> list[Span]:
        """Return the spans of an endpoint that there are windows of, and that touch some days."""
        spans = self._spans.get(span.endpoint)
        if spans is None:
            chains = self.windows.chains_of(span.endpoint)
            found = {one for chain in chains for one in spans_of_chain(self.windows, chain)}
            spans = self._spans[span.endpoint] = join_spans(sorted(found))
        first = bisect_right(spans, span.window.start, key=lambda one: one.window.end)
        last = bisect_left(spans, span.window.end, key=lambda one: one.window.start)
        return spans[first:last]


def spans_of_chain(windows: Windows, chain: Chain) -> set[Span]:
    """Return the days that a chain's windows are of."""
    return {Span(chain.endpoint, days_of(slot.window)) for slot in windows.slots(chain)}


def leave_out(kept: Iterable[SavedDay], spans: list[Span]) -> Iterator[SavedDay]:
    """Yield the days that have none in common with some spans; both are in order."""
    coming = iter(spans)
    span = next(coming, None)
    for day in kept:
        while span is not None and span.window.end <= day.span.window.start:
            span = next(coming, None)
        if span is None or not overlap(*sorted((span, day.span))):
            yield day
