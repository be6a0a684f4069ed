"""Days as a store keeps them, in memory."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from stream.decode import Decoder
from stream.figures.daybook import BookDay, Daybook, DaysOfWindows, StoredDaybook
from stream.figures.days import unpack_columns
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.windows import Window
from stream.state.saved_series import SavedDay, SavedFigures, Span
from stream.state.windows import KeyedState
from tests.oracle import Delivery
from tests.support.strategies import written

__all__ = ["HeldDays", "PlainDaybook", "book_of", "take_pages"]


class HeldDays:
    """A store of days; ``stale`` are those that somebody else has changed."""

    def __init__(self) -> None:
        """Start with none."""
        self.known: dict[tuple[str, int], SavedDay] = {}
        self.stale: set[Span] = set()
        self.former_chains: frozenset[Chain] = frozenset()

    def days(self, endpoint: str, window: Window) -> Iterator[SavedDay]:
        """Yield the days of an endpoint that a window touches."""
        for day in sorted(self.known.values()):
            if day.span.endpoint == endpoint and touch(day.span.window, window):
                yield day

    def replayed_days(self, _: str, __: Window) -> Iterator[SavedDay]:
        """Yield none: no replay has kept any."""
        return iter(())

    def last_day(self, endpoint: str) -> SavedDay | None:
        """Return the last days of an endpoint that came to anything."""
        days = self.known.values()
        found = [day for day in days if day.span.endpoint == endpoint and not day.is_empty]
        return max(found, default=None)

    def stale_spans(self, most: int) -> list[Span]:
        """Return some spans whose windows have changed."""
        return sorted(self.stale)[:most]

    def stale_near(self, span: Span) -> list[Span]:
        """Return the stale spans of an endpoint that touch some of its days."""
        return [
            one
            for one in self.stale
            if one.endpoint == span.endpoint and touch(one.window, span.window)
        ]

    def put(self, figures: SavedFigures) -> None:
        """Take what moves with a checkpoint."""
        for span in figures.dropped_spans:
            del self.known[span.endpoint, span.window.start]
        for day in figures.days:
            self.known[day.span.endpoint, day.span.window.start] = day
        self.former_chains = figures.former_chains
        ended = [*figures.dropped_spans, *(day.span for day in figures.days)]
        self.stale -= {one for one in self.stale if any(within(one, whole) for whole in ended)}


class PlainDaybook:
    """Days as they were made, in the order of time; several may be of one day."""

    def __init__(self, days: Iterable[SavedDay]) -> None:
        """Keep these."""
        self.kept = sorted(days)

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint that a window touches, in order, with these columns."""
        for (key, days), packed, _ in self.kept:
            if key == endpoint and touch(days, window):
                yield BookDay(days, unpack_columns(ENDPOINTS[key], packed, wanted))


def touch(one: Window, other: Window) -> bool:
    """Tell whether two windows have time in common."""
    return one.start < other.end and other.start < one.end


def within(one: Span, whole: Span) -> bool:
    """Tell whether a span lies in another."""
    return one.endpoint == whole.endpoint and (
        whole.window.start <= one.window.start and one.window.end <= whole.window.end
    )


def take_pages(state: KeyedState, pages: Iterable[Delivery]) -> None:
    """Merge pages into state."""
    for one in pages:
        text = written({"has_more": False, **one.page})
        for found in Decoder(ENDPOINTS[one.endpoint]).decode(text.encode()).buckets:
            chain = Chain(one.endpoint, one.label)
            state.chains.add(chain)
            state.take(chain, found, one.revision)


def book_of(pages: Iterable[Delivery]) -> Daybook:
    """Return the days of pages, of which nobody has kept any."""
    state = KeyedState()
    take_pages(state, pages)
    return StoredDaybook(DaysOfWindows(state.windows()), state.windows())
