"""Usage and money by day, project and service tier: what people ask for first.

It is added up from sums by series before any of them is folded, so nobody's usage hides in another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import localcontext
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from stream.figures.series import FAMILIES, Series
from stream.records.money import MONEY, Number, exact_number
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

    def count(self, name: str, value: int) -> None:
        """Add to a count, where it is one of these."""
        if name in COUNTS:
            setattr(self, name, (getattr(self, name) or 0) + value)

    def add(self, other: DailyFigures) -> None:
        """Add other figures; sums of money are exact."""
        for name in COUNTS:
            value = getattr(other, name)
            if value is not None:
                self.count(name, value)
        for currency, amount in other.cost.items():
            self.pay(currency, amount)

    def pay(self, currency: str, amount: Number) -> None:
        """Add to what is billed in a currency."""
        with localcontext(MONEY):
            self.cost[currency] = exact_number(self.cost.get(currency, 0) + amount)


COUNTS: Final = ("input", "input_cached", "output", "requests")


def sum_by_project(days: Iterable[DaySums]) -> dict[KeyDay, DailyFigures]:
    """Add up tokens, requests and money by day, project and tier; endpoints and models together."""
    found: dict[KeyDay, DailyFigures] = {}
    for _, day, sums in days:
        for series, value in sums.items():
            if series.family not in {TOKENS, REQUESTS, COST}:
                continue
            labels = dict(zip(FAMILIES[series.family].labels, series.labels, strict=True))
            key = KeyDay(day, labels["project_id"], labels.get("service_tier"))
            figures = found.setdefault(key, DailyFigures())
            if series.family == COST:
                figures.pay(labels["currency"], value)
            else:
                figures.count(labels.get("token_type", "requests"), int(value))
    return found


def add_up(figures: Iterable[DailyFigures]) -> DailyFigures:
    """Return what figures come to together."""
    total = DailyFigures()
    for one in figures:
        total.add(one)
    return total
