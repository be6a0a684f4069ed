"""Which UTC days are worked out as one: those that a window across midnight joins stay one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from itertools import groupby

from stream.records.windows import Window
from stream.state.saved_series import DayReader, Span

__all__ = ["join_days", "join_spans", "map_days", "whole_spans"]


def whole_spans(store: DayReader, touched: Iterable[Span]) -> list[Span]:
    """Return the days to be worked out, in order, where something in some spans has changed.

    Raises:
        BadInput, Unavailable: the store cannot be read.
    """
    return join_spans(widen_span(store, one) for one in sorted(touched))


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that have days in common; they come in order."""
    return [
        Span(endpoint, days)
        for endpoint, some in groupby(spans, lambda one: one.endpoint)
        for days in join_days(one.window for one in some)
    ]


def join_days(found: Iterable[Window]) -> list[Window]:
    """Join days that overlap; they come in order, but for what was widened to earlier days."""
    whole: list[Window] = []
    for one in found:
        days = one
        while whole and whole[-1].end > days.start:
            last = whole.pop()
            days = Window(min(last.start, days.start), max(last.end, days.end))
        whole.append(days)
    return whole


def map_days(found: Collection[Window]) -> dict[Window, Window]:
    """Return what each of some days is joined to."""
    whole = join_days(sorted(found))
    places = (bisect_right(whole, one.start, key=lambda days: days.start) for one in found)
    return {one: whole[place - 1] for one, place in zip(found, places, strict=True)}


def widen_span(store: DayReader, span: Span) -> Span:
    """Widen days by those that the store has as one with some of them, or that are stale."""
    while True:
        known = [day.span for day in store.days(*span)]
        wider = span_over([span, *known, *store.stale_near(span)])
        if wider == span:
            return span
        span = wider


def overlap(one: Span, other: Span) -> bool:
    """Tell whether two spans have a day in common; ``other`` does not end before ``one`` starts."""
    return one.endpoint == other.endpoint and one.window.end > other.window.start


def span_over(spans: list[Span]) -> Span:
    """Return the days of an endpoint from the first of some spans to the last."""
    first = min(one.window.start for one in spans)
    return Span(spans[0].endpoint, Window(first, max(one.window.end for one in spans)))
