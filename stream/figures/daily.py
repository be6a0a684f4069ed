"""Usage and money by day, project and service tier: what people ask for first.

It is added up from sums by series before any of them is folded, so nobody's usage hides in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from stream.figures.series import FAMILIES, Series
from stream.records.money import MONEY, Number
from stream.records.windows import Window

__all__ = ["DailyFigures", "DaySums", "KeyDay", "add_up", "sum_by_project"]

DaySums: TypeAlias = tuple[str, Window, Mapping[Series, Number]]
"""An endpoint's key, a UTC day, and what counts in it in each series."""

TOKENS: Final = "openai_api_tokens"
REQUESTS: Final = "openai_api_requests"
COST: Final = "openai_api_cost"


class KeyDay(NamedTuple):
    """A project's UTC day in one service tier, called as in Prometheus' labels.

    What is billed has no tier: ``None``. An endpoint with windows that cross days has one longer
    window in place of the day.
    """

    day: Window
    project_id: str
    service_tier: str | None


class DailyFigures(Struct):
    """What was used and billed; a figure of which nothing is known is ``None``.

    ``input_cached`` is a part of ``input``; ``cost`` is exact, by currency.
    """

    input: int | None = None
    input_cached: int | None = None
    output: int | None = None
    requests: int | None = None
    cost: dict[str, Number] = {}

    def add(self, other: DailyFigures) -> None:
        """Add other figures; sums of money are exact."""
        for name in COUNTS:
            value = getattr(other, name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)
        for currency, amount in other.cost.items():
            self.pay(currency, amount)

    def pay(self, currency: str, amount: Number) -> None:
        """Add to what is billed in a currency."""
        self.cost[currency] = MONEY.add(Decimal(self.cost.get(currency, 0)), amount)


COUNTS: Final = ("input", "input_cached", "output", "requests")


class LabelPlaces(NamedTuple):
    """Where a family's labels have the project, the tier, and the kind of token or the currency."""

    project: int
    tier: int | None
    kind: int | None

    @classmethod
    def in_family(cls, family: str, kind: str | None = None) -> LabelPlaces:
        """Find them; a family without such a label has ``None``."""
        labels = FAMILIES[family].labels
        tier = labels.index("service_tier") if "service_tier" in labels else None
        return cls(labels.index("project_id"), tier, None if kind is None else labels.index(kind))


PLACES: Final = {
    TOKENS: LabelPlaces.in_family(TOKENS, "token_type"),
    REQUESTS: LabelPlaces.in_family(REQUESTS),
    COST: LabelPlaces.in_family(COST, "currency"),
}


def sum_by_project(days: Iterable[DaySums]) -> dict[KeyDay, DailyFigures]:
    """Add up tokens, requests and money by day, project and tier; endpoints and models together."""
    found: dict[KeyDay, DailyFigures] = {}
    for _, day, sums in days:
        for (family, labels), value in sums.items():
            places = PLACES.get(family)
            if places is None:
                continue
            tier = None if places.tier is None else labels[places.tier]
            name = "requests" if places.kind is None else labels[places.kind]
            key = KeyDay(day, labels[places.project], tier)
            figures = found.get(key)
            if figures is None:
                figures = found[key] = DailyFigures()
            if family == COST:
                figures.pay(name, value)
            elif name in COUNTS:
                setattr(figures, name, (getattr(figures, name) or 0) + int(value))
    return found


def add_up(figures: Iterable[DailyFigures]) -> DailyFigures:
    """Return what figures come to together."""
    total = DailyFigures()
    for one in figures:
        total.add(one)
    return total
