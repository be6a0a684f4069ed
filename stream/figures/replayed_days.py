"""What a report's figures found days to come to, kept so that nobody has to work them out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stream.figures.endpoint import EndpointFigures
from stream.figures.spans import join_spans, overlap
from stream.records.chains import Chain
from stream.records.windows import MAX_TIME, Window
from stream.state.saved_series import ReplayedDayStore, SavedDay, Span

__all__ = ["keep_days"]

ALL_TIME: Final = Window(0, MAX_TIME)


def keep_days(
    store: ReplayedDayStore, figures: Mapping[str, EndpointFigures], former: frozenset[Chain]
) -> None:
    """Keep the days that are stale in a store and that no replay has kept as they are.

    ``figures`` are of all windows of the store, with these ``former`` chains, and added up by what
    prices go by too.

    Raises:
        BadInput: the store is damaged.
        Unavailable: it cannot be read or written.
    """
    missing = {key: missing_spans(store, key, found, former) for key, found in figures.items()}
    if any(missing.values()):
        store.keep_replayed(saved_days(figures, missing), former)


def missing_spans(
    store: ReplayedDayStore, key: str, figures: EndpointFigures, former: frozenset[Chain]
) -> set[Window]:
    """Return which of an endpoint's days have to be kept."""
    kept = store.replayed_spans(key, former)
    spans = (Span(key, days) for days in figures.days.spans())
    stale = join_spans(sorted(store.stale_near(Span(key, ALL_TIME))))
    return {span.window for span in spans_near(spans, stale) if span not in kept}


def spans_near(spans: Iterable[Span], others: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans of an endpoint that touch some of others; both are in order, none overlap."""
    coming = iter(others)
    other = next(coming, None)
    for span in spans:
        while other is not None and other.window.end <= span.window.start:
            other = next(coming, None)
        if other is not None and overlap(*sorted((span, other))):
            yield span


def saved_days(
    figures: Mapping[str, EndpointFigures], wanted: Mapping[str, set[Window]]
) -> Iterator[SavedDay]:
    """Yield what these days came to, an endpoint behind the other."""
    for key, found in figures.items():
        for days, sums, is_empty in found.days.pack_days(wanted[key]):
            yield SavedDay(Span(key, days), sums, is_empty)
