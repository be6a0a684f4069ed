"""Usage and money by day, project and service tier: what people look at first.

It is added up by ``breakdown``, as whatever else people ask for; here are its rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import Struct

from stream.figures.breakdown import BILLED, Choice, add_breakdown
from stream.figures.daybook import Daybook
from stream.records.money import MONEY, Number
from stream.records.windows import DAY, Window

__all__ = ["DailyFigures", "DailySums", "KeyDay", "add_up", "sum_days"]

NAMES: Final = {
    "input_tokens": "input",
    "input_cached_tokens": "input_cached",
    "output_tokens": "output",
    "num_model_requests": "requests",
}
"""Counter → what it is called here."""


class KeyDay(NamedTuple):
    """A project's UTC day in one service tier, called as in Prometheus' labels.

    What is billed has no tier: ``None``.
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
        for name in NAMES.values():
            value = getattr(other, name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)
        for currency, amount in other.cost.items():
            self.cost[currency] = MONEY.add(Decimal(self.cost.get(currency, 0)), amount)


class DailySums(NamedTuple):
    """Figures by day, project and tier; whether windows cross days: these count in their first."""

    figures: dict[KeyDay, DailyFigures]
    has_longer: bool


def sum_days(daybook: Daybook, span: Window) -> DailySums:
    """Add up tokens, requests and money of a span of days; endpoints and models together.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    choice = Choice(dimensions=("project_id", "service_tier"), period="day", span=span)
    found = add_breakdown(daybook, choice)
    figures: dict[KeyDay, DailyFigures] = {}
    for measure, days in found.sums.items():
        for start, groups in days.items():
            for (project, tier), value in groups.items():
                key = KeyDay(Window(start, start + DAY), str(project), tier)
                own = figures.setdefault(key, DailyFigures())
                if measure.name == BILLED:
                    own.cost[measure.currency] = value
                else:
                    setattr(own, NAMES[measure.name], value)
    return DailySums(figures, bool(found.long_spans))


def add_up(figures: Iterable[DailyFigures]) -> DailyFigures:
    """Return what figures come to together."""
    total = DailyFigures()
    for one in figures:
        total.add(one)
    return total
