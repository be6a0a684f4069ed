"""What use should have cost: quantity times price, by day, project, model, tier and kind.

An estimate is never a bill. What a row itself says that it cost counts as that; a kind that has no
price keeps its quantity, and adds nothing to the amount. All of it is sums of products, so that
estimates add up over any split of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from msgspec import Struct

from stream.figures.days import DayGroups
from stream.figures.money.quantities import quantities_of
from stream.figures.totals import HAS_COST
from stream.providers.endpoint import Endpoint
from stream.providers.prices.price_list import BATCH, DEFAULT_TIER, ModelPrices, PriceList
from stream.records.money import MONEY, Number
from stream.records.windows import Window

__all__ = [
    "COST",
    "OWN_COST",
    "Contradiction",
    "Estimate",
    "Estimates",
    "GroupEstimate",
    "UsageKey",
    "estimate_group",
    "tier_of",
]

COST: Final = "cost"
"""The counter in which rows themselves say what they cost."""
OWN_COST: Final = "own_cost"
"""The kind of what rows themselves say that they cost."""
STANDARD: Final = frozenset({"", "auto", "standard", DEFAULT_TIER})
"""What the tier is called that is charged where nobody asks for another."""


class UsageKey(NamedTuple):
    """What an estimate is of; ``tier`` is the one that is charged, a batch is one.

    ``days`` is a UTC day, or several that a window joins.
    """

    days: Window
    project_id: str | None
    endpoint: str
    model: str | None
    tier: str
    kind: str


class Estimate(Struct):
    """How much was used, what it should have cost, and how much of it has no price.

    ``is_by_length``: long requests would cost more. ``is_vague``: nobody knows if it was a batch.
    """

    quantity: int = 0
    amount: Decimal = Decimal(0)
    without_price: int = 0
    is_by_length: bool = False
    is_vague: bool = False

    @property
    def is_priced(self) -> bool:
        """Whether anything of it has a price; what has none costs something all the same."""
        return bool(self.amount) or self.without_price < self.quantity or not self.quantity

    def add(self, other: Estimate) -> None:
        """Add another estimate, exactly."""
        self.quantity += other.quantity
        self.amount = MONEY.add(self.amount, other.amount)
        self.without_price += other.without_price
        self.is_by_length |= other.is_by_length
        self.is_vague |= other.is_vague


class Contradiction(NamedTuple):
    """Counters that cannot all be right: where, and what is wrong."""

    days: Window
    endpoint: str
    project_id: str | None
    model: str | None
    message: str


class Estimates:
    """Adds up estimates, and keeps what contradicts itself."""

    def __init__(self, prices: PriceList) -> None:
        """Start with none; ``prices`` are what is charged."""
        self.prices = prices
        self.by_key: dict[UsageKey, Estimate] = {}
        self.contradictions: list[Contradiction] = []

    def take(self, endpoint: Endpoint, days: Window, found: DayGroups) -> None:
        """Estimate what some days come to; of a level, which is no use, nothing."""
        if endpoint.levels:
            return
        for values, counters in found.groups.items():
            known: dict[str, Any] = dict(zip(found.names, values, strict=True))
            project, model = known.get("project_id"), known.get("model")
            group = estimate_group(self.prices, endpoint, days.start, known, counters)
            self.contradictions += (
                Contradiction(days, endpoint.key, project, model, one) for one in group.messages
            )
            for kind, estimate in group.by_kind:
                key = UsageKey(days, project, endpoint.key, model, group.tier, kind)
                before = self.by_key.setdefault(key, estimate)
                if before is not estimate:
                    before.add(estimate)


class GroupEstimate(NamedTuple):
    """What a group of rows should have cost, by kind; ``tier`` is the one that is charged.

    ``messages`` say which of its counters cannot all be right.
    """

    tier: str
    by_kind: list[tuple[str, Estimate]]
    messages: tuple[str, ...]


def estimate_group(
    prices: PriceList,
    endpoint: Endpoint,
    day: int,
    known: Mapping[str, Any],
    counters: Mapping[str, Number],
) -> GroupEstimate:
    """Estimate a group of rows, by what is ``known`` of it, at the prices of a day (its start)."""
    model, tier = known.get("model"), tier_of(known)
    quantities = quantities_of(endpoint.key, counters)
    messages = quantities.contradictions
    by_kind: list[tuple[str, Estimate]] = []
    if COST in counters and known.get(HAS_COST, True):
        by_kind.append((OWN_COST, Estimate(amount=Decimal(counters[COST]))))
        if not quantities.by_kind and counters[COST]:
            messages += ("a cost without any use: what it is of may be estimated beside it",)
        return GroupEstimate(tier, by_kind, messages)
    charged = prices.find(model, tier, day) if quantities.by_kind else None
    is_vague = "batch" in endpoint.dimensions and known.get("batch") is None
    for kind, quantity in quantities.by_kind.items():
        estimate = estimate_of(quantity, charged, kind)
        estimate.is_vague = is_vague
        by_kind.append((kind, estimate))
    return GroupEstimate(tier, by_kind, messages)


def estimate_of(quantity: int, prices: ModelPrices | None, kind: str) -> Estimate:
    """Return what so many units of a kind should cost."""
    price = None if prices is None else prices.by_kind.get(kind)
    if prices is None or price is None:
        return Estimate(quantity, without_price=quantity)
    amount = MONEY.multiply(price, Decimal(quantity))
    return Estimate(quantity, amount, is_by_length=prices.by_length)


def tier_of(known: Mapping[str, Any]) -> str:
    """Return the tier that a row is charged in, in lower case; a batch is charged as a batch."""
    tier = str(known.get("service_tier") or "").lower()
    if known.get("batch") is True or tier == BATCH:
        return BATCH
    return DEFAULT_TIER if tier in STANDARD else tier
