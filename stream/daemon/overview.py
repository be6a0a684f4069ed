"""What the page says of usage and money: totals, projects, and days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from stream.daemon.calendar import Calendar
from stream.figures.daily import DailyFigures, DaySums, sum_by_project
from stream.records.money import Number
from stream.records.windows import Window

__all__ = ["Overview", "Periods", "ProjectFigures", "order_currencies"]

PREFERRED: Final = ("usd", "USD")
Periods: TypeAlias = dict[str, DailyFigures]
"""Figures by period: ``month`` (to date), ``last_month``, ``yesterday``, ``recent`` (30 days)."""


class ProjectFigures(Struct):
    """A project, called as in Prometheus' labels: all of it, and by tier what has one."""

    project_id: str
    whole: Periods = {}
    tiers: dict[str, Periods] = {}


class Overview(Struct):
    """Totals, projects with the one that cost most first, and figures by day and project.

    ``has_longer``: windows that cross days are left out, as they are of no day.
    """

    calendar: Calendar
    totals: Periods
    projects: list[ProjectFigures]
    days: dict[Window, dict[str, DailyFigures]]
    has_longer: bool = False

    @classmethod
    def from_days(cls, days: Iterable[DaySums], calendar: Calendar) -> Overview:
        """Work it out; what is of no day that the calendar speaks of is left out."""
        totals: Periods = {}
        projects: dict[str, ProjectFigures] = {}
        by_day: dict[Window, dict[str, DailyFigures]] = {day: {} for day in calendar.recent_days}
        has_longer = False
        for (day, project, tier), figures in sum_by_project(days).items():
            periods = [*periods_of(day, calendar)]
            has_longer = has_longer or not (periods or is_aside(day, calendar))
            for period in periods:
                found = projects.setdefault(project, ProjectFigures(project))
                tiers = [] if tier is None else [found.tiers.setdefault(tier, {})]
                for sums in (totals, found.whole, *tiers):
                    sums.setdefault(period, DailyFigures()).add(figures)
            if day in by_day:
                by_day[day].setdefault(project, DailyFigures()).add(figures)
        rank = order_currencies(totals.values())
        ordered = sorted(projects.values(), key=lambda one: rank_of(one, rank))
        return cls(calendar, totals, ordered, by_day, has_longer)


def periods_of(day: Window, calendar: Calendar) -> Iterator[str]:
    """Yield the periods that a day, or a longer window, lies wholly in."""
    for name in ("month", "last_month", "yesterday", "recent"):
        period: Window = getattr(calendar, name)
        if period.start <= day.start and day.end <= period.end:
            yield name


def is_aside(day: Window, calendar: Calendar) -> bool:
    """Tell whether a window has nothing to do with what the calendar speaks of."""
    return day.end <= calendar.span.start or calendar.span.end <= day.start


def order_currencies(found: Iterable[DailyFigures]) -> list[str]:
    """Return the currencies of figures, US dollars first, then in order."""
    names = {currency for figures in found for currency in figures.cost}
    return sorted(names, key=lambda one: (one not in PREFERRED, one))


def rank_of(project: ProjectFigures, currencies: list[str]) -> tuple[list[Number], int, str]:
    """Order projects by what they cost in thirty days, then by their tokens, then by their ids."""
    recent = project.whole.get("recent", DailyFigures())
    costs = [-recent.cost.get(currency, 0) for currency in currencies]
    return costs, -(recent.input or 0) - (recent.output or 0), project.project_id
