"""What use should have cost in all: by day, by project, and by what was used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from stream.figures.money.estimates import Estimate, UsageKey
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["EstimateSums", "PricedUse"]


class PricedUse(NamedTuple):
    """What is priced; ``tier`` is the one that is charged, a batch is one."""

    endpoint: str
    model: str | None
    tier: str
    kind: str


class EstimateSums:
    """Adds up estimates, exactly; of the days it keeps what each came to, and no more."""

    def __init__(self) -> None:
        """Start with none."""
        self.amount = Decimal(0)
        self.by_days: defaultdict[Window, Decimal] = defaultdict(Decimal)
        self.by_project: defaultdict[str | None, Decimal] = defaultdict(Decimal)
        self.by_use: defaultdict[PricedUse, Estimate] = defaultdict(Estimate)
        self.without_price: defaultdict[PricedUse, int] = defaultdict(int)
        """How much there was of what has no price."""
        self.priced_days: set[Window] = set()
        self.priced_projects: set[str | None] = set()
        """Where anything has a price; what others come to is not known."""

    def take(self, found: Mapping[UsageKey, Estimate]) -> None:
        """Count estimates."""
        for (days, project, endpoint, model, tier, kind), estimate in found.items():
            priced = PricedUse(endpoint, model, tier, kind)
            self.by_use[priced].add(estimate)
            if estimate.without_price:
                self.without_price[priced] += estimate.without_price
            if estimate.is_priced:
                self.priced_days.add(days)
                self.priced_projects.add(project)
            amount = estimate.amount
            self.amount = MONEY.add(self.amount, amount)
            self.by_days[days] = MONEY.add(self.by_days[days], amount)
            self.by_project[project] = MONEY.add(self.by_project[project], amount)
