"""What each group of a day should have cost, for those who show it beside other figures.

The amounts are those of ``estimates``. What must be said of them is kept on the way: what has no
price, what contradicts itself, and what may be too low or too high.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import NamedTuple

from stream.figures.daybook import BookDay
from stream.figures.days import groups_by_row
from stream.figures.money.estimates import Contradiction, Estimate, UsageKey, estimate_group
from stream.providers.endpoint import Endpoint
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY

__all__ = ["DayEstimates", "GroupAmount", "UnpricedUse"]


class UnpricedUse(NamedTuple):
    """What has no price; ``tier`` is the one that would be charged."""

    endpoint: str
    model: str | None
    tier: str
    kind: str


class GroupAmount(NamedTuple):
    """What a group of a day should have cost; ``None``: nothing in it has a price.

    ``is_whole``: all of it has one.
    """

    amount: Decimal | None
    is_whole: bool


class DayEstimates:
    """Estimates days group by group, and keeps what must be said of them."""

    def __init__(self, prices: PriceList) -> None:
        """Start with nothing; ``prices`` are what is charged."""
        self.prices = prices
        self.without_price: defaultdict[UnpricedUse, int] = defaultdict(int)
        """How much there was of what has no price."""
        self.contradictions: list[Contradiction] = []
        self.models_by_length: set[str] = set()
        """The models whose long requests cost more."""
        self.is_vague = False
        """Whether some of it may have been a batch."""

    def estimate_day(self, endpoint: Endpoint, day: BookDay) -> list[GroupAmount]:
        """Estimate a day's groups, in their order."""
        amounts = []
        for known, counters in groups_by_row(day.sums):
            group = estimate_group(self.prices, endpoint, day.days, known, counters)
            self.contradictions += group.contradictions
            amounts.append(self._add_up(group.by_key))
        return amounts

    def _add_up(self, found: Iterable[tuple[UsageKey, Estimate]]) -> GroupAmount:
        """Add up a group's kinds."""
        amount, is_whole = None, True
        for key, estimate in found:
            self.is_vague |= estimate.is_vague and bool(estimate.amount)
            if estimate.is_by_length:
                self.models_by_length.add(key.model or "")
            if estimate.without_price:
                self.without_price[UnpricedUse(*key[2:])] += estimate.without_price
                is_whole = False
            else:
                with localcontext(MONEY):
                    amount = estimate.amount + (amount or 0)
        return GroupAmount(amount, is_whole)
