"""What state keeps for those who show figures elsewhere, and what moves with its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from msgspec import Struct

from stream.records.chains import Chain
from stream.records.windows import Window

__all__ = [
    "DayReader",
    "DayStore",
    "ReplayedDayReader",
    "ReplayedDayStore",
    "SavedDay",
    "SavedFigures",
    "SavedSeries",
    "Span",
]


class SavedSeries(NamedTuple):
    """A series as a state file keeps it: labels as JSON, counts as their digits.

    ``folded``: it has no counts of its own, and counts so many steps up the coarser series that its
    labels lead to.
    """

    family: str
    labels: str
    accepted: str
    corrected: str
    folded: int


class Span(NamedTuple):
    """Some UTC days of an endpoint: mostly one, more where windows cross midnight."""

    endpoint: str
    window: Window


class SavedDay(NamedTuple):
    """What the days of a span came to, as bytes that the figures read, if they came to anything."""

    span: Span
    sums: bytes
    is_empty: bool = False


class SavedFigures(Struct, frozen=True):
    """What moves with a checkpoint: series, days that were worked out, and days that are no more.

    Days that were worked out, or are no more, are not stale any longer. ``former_chains`` are those
    of which windows counted only where nothing stands in their place.
    """

    series: list[SavedSeries]
    days: list[SavedDay]
    dropped_spans: list[Span]
    former_chains: frozenset[Chain]


class DayReader(Protocol):
    """Where days are read, in the order of time."""

    def days(self, endpoint: str, window: Window) -> Iterator[SavedDay]:
        """Yield the days of an endpoint that a window touches."""

    def stale_near(self, span: Span) -> list[Span]:
        """Return the stale spans of an endpoint that touch some of its days."""


class ReplayedDayReader(DayReader, Protocol):
    """Where days are read to be shown: those that a replay has kept are there beside the others."""

    def replayed_days(self, endpoint: str, window: Window) -> Iterator[SavedDay]:
        """Yield what a replay has kept of the days of an endpoint that a window touches."""


class ReplayedDayStore(DayReader, Protocol):
    """Where a replay keeps what days came to, unless somebody has worked them out already."""

    def replayed_spans(self, endpoint: str, former: frozenset[Chain]) -> set[Span]:
        """Return which days a replay has kept of an endpoint, if these were former chains then."""

    def keep_replayed(self, days: Iterable[SavedDay], former: frozenset[Chain]) -> None:
        """Keep days, all or none; those that were kept under other ``former`` chains go."""


class DayStore(DayReader, Protocol):
    """Where those days are kept that series count by: none of a replay's is among them."""

    def last_day(self, endpoint: str) -> SavedDay | None:
        """Return the last days of an endpoint that came to anything; ``None``: it has none."""

    def stale_spans(self, most: int) -> list[Span]:
        """Return at most so many spans with windows that changed since days were worked out."""
