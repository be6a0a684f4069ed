"""What is true at a moment: records and totals of the twin's usage, by an arithmetic of its own.

It adds events up one by one, and shares with the pages nothing but the events; nor anything with
the code that reads those pages, so that what it says can judge both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, localcontext
from typing import Any, Final, NamedTuple

from stream.providers.openai import ENDPOINTS
from stream.recordings.twin.charges import COSTS, Charges
from stream.recordings.twin.traffic import DAY, Traffic, UsageEvent
from stream.records.money import MONEY

__all__ = ["LedgerKey", "TwinLedger"]

SECONDS: Final = {"1m": 60, "1h": 3600, "1d": 86_400}

Figures = dict[str, int | Decimal]
"""Counters by name; one that no event has is absent."""


class LedgerKey(NamedTuple):
    """A record's identity: its window, and its dimensions by name, in order of the names."""

    start: int
    end: int
    dimensions: tuple[tuple[str, Any], ...]


class TwinLedger:
    """Knows what happened; it takes what the twin takes, and is told apart from it by nothing else.

    Endpoints go by the registry's keys: ``usage/completions``, …, ``costs``. Times are Unix
    seconds, ends are exclusive. Counts are integers, money is exact.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        late: float = 900.0,
        cost_late: float = 2.0 * DAY,
        volume: float = 1.0,
        projects: int = 5,
    ) -> None:
        """Take the seed and the lateness, in seconds, of the twin."""
        traffic = Traffic(seed, late=late, volume=volume, projects=projects)
        self.charges = Charges(traffic, cost_late)

    def settle_seconds(self, endpoint: str) -> float:
        """Return how long after its end a bucket of an endpoint may still change."""
        costs = endpoint == COSTS.key
        return self.charges.settle_seconds if costs else self.charges.traffic.settle_seconds

    def records(
        self, endpoint: str, start: int, end: int, width: str = "1d", *, now: float
    ) -> dict[LedgerKey, Figures]:
        """Return the finest records: every dimension there is, in windows of a width.

        Windows are cut as the API cuts them: the first starts at ``start``, the last ends at
        ``end``.
        """
        names, counters = ENDPOINTS[endpoint].grouped_by, ENDPOINTS[endpoint].counters
        step = SECONDS[width]
        found: defaultdict[LedgerKey, Figures] = defaultdict(dict)
        with localcontext(MONEY):
            for event, amounts in self.arrived_events(endpoint, start, end, now):
                lower = event.moment - event.moment % step
                key = LedgerKey(
                    max(lower, start),
                    min(lower + step, end),
                    tuple(sorted(zip(names, event.values, strict=True))),
                )
                record = found[key]
                for name, amount in zip(counters, amounts, strict=False):
                    if amount is not None:
                        record[name] = record.get(name, 0) + amount
        return dict(found)

    def totals(self, endpoint: str, start: int, end: int, *, now: float) -> Figures:
        """Return the sum of each counter, which is the same for any width and any groups."""
        sums: Figures = {}
        with localcontext(MONEY):
            for _, amounts in self.arrived_events(endpoint, start, end, now):
                for name, amount in zip(ENDPOINTS[endpoint].counters, amounts, strict=False):
                    if amount is not None:
                        sums[name] = sums.get(name, 0) + amount
        return sums

    def arrived_events(
        self, endpoint: str, start: int, end: int, now: float
    ) -> Iterator[tuple[UsageEvent, tuple[Any, ...]]]:
        """Yield the events that are there at a moment, with the counters they have then."""
        entry = ENDPOINTS[endpoint]
        events = (
            self.charges.events(start, end)
            if entry is COSTS
            else self.charges.traffic.events(entry, start, end)
        )
        for event in events:
            if event.arrival <= now:
                amounts = event.revision if event.revised_at <= now else event.counters
                if amounts is not None:
                    yield event, amounts
