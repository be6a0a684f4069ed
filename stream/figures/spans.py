"""Which UTC days are worked out as one: those that a window across midnight joins stay one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import TypeVar

from stream.records.windows import Window
from stream.state.saved_series import DayReader, Span

__all__ = ["join_days", "join_sorted_days", "join_spans", "overlap", "whole_spans", "widen_days"]

T = TypeVar("T")


def whole_spans(store: DayReader, touched: Iterable[Span]) -> list[Span]:
    """Return the days to be worked out, in order, where something in some spans has changed.

    Raises:
        BadInput, Unavailable: the store cannot be read.
    """
    return join_spans(widen_span(store, one) for one in sorted(touched))


def join_spans(spans: Iterable[Span]) -> list[Span]:
    """Join spans that have days in common; they come in order."""
    whole: list[Span] = []
    for one in spans:
        span = one
        while whole and overlap(whole[-1], span):
            span = span_over([whole.pop(), span])
        whole.append(span)
    return whole


def join_days(found: Iterable[tuple[Window, T]]) -> Iterator[tuple[Window, list[T]]]:
    """Yield days in order, each with what is of it; days that have some in common are one."""
    return join_sorted_days(sorted(found, key=itemgetter(0)))


def join_sorted_days(found: Iterable[tuple[Window, T]]) -> Iterator[tuple[Window, list[T]]]:
    """Yield the same of days that come in the order of time; no more of them are held at once."""
    whole: Window | None = None
    held: list[T] = []
    for days, one in found:
        if whole is not None and days.start < whole.end:
            whole = Window(whole.start, max(whole.end, days.end))
            held.append(one)
            continue
        if whole is not None:
            yield whole, held
        whole, held = days, [one]
    if whole is not None:
        yield whole, held


def widen_span(store: DayReader, span: Span) -> Span:
    """Widen days by those that the store has as one with some of them, or that are stale."""
    endpoint = span.endpoint

    def joined(days: Window) -> list[Window]:
        near = Span(endpoint, days)
        known = [one.span.window for one in store.days(*near)]
        return known + [one.window for one in store.stale_near(near)]

    return Span(endpoint, widen_days(span.window, joined))


def widen_days(days: Window, joined: Callable[[Window], Iterable[Window]]) -> Window:
    """Widen days until no others are one with some of them; ``joined`` gives those that are."""
    while True:
        found = [days, *joined(days)]
        wider = Window(min(one.start for one in found), max(one.end for one in found))
        if wider == days:
            return days
        days = wider


def overlap(one: Span, other: Span) -> bool:
    """Tell whether two spans have a day in common; ``other`` does not end before ``one`` starts."""
    return one.endpoint == other.endpoint and one.window.end > other.window.start


def span_over(spans: list[Span]) -> Span:
    """Return the days of an endpoint from the first of some spans to the last."""
    first = min(one.window.start for one in spans)
    return Span(spans[0].endpoint, Window(first, max(one.window.end for one in spans)))
