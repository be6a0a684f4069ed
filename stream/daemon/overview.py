"""What the page says of usage and money: totals, projects, and days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from stream.daemon.calendar import Calendar
from stream.figures.daily import DailyFigures, sum_days
from stream.figures.daybook import Daybook
from stream.records.money import Number
from stream.records.windows import Window

__all__ = ["Overview", "Periods", "ProjectFigures", "add_periods", "order_currencies"]

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

    ``has_longer``: there are windows that cross days, which count in their first day.
    """

    calendar: Calendar
    totals: Periods
    projects: list[ProjectFigures]
    days: dict[Window, dict[str, DailyFigures]]
    has_longer: bool = False

    @classmethod
    def from_daybook(cls, daybook: Daybook, calendar: Calendar) -> Overview:
        """Work it out, for the days that the calendar speaks of.

        Raises:
            BadInput, Unavailable: days cannot be read.
        """
        projects: dict[str, ProjectFigures] = {}
        untiered: dict[str, Periods] = {}
        by_day: dict[Window, dict[str, DailyFigures]] = {day: {} for day in calendar.recent_days}
        daily, has_longer = sum_days(daybook, calendar.span)
        periods = {day: [*periods_of(day, calendar)] for day, _, _ in daily}
        for (day, project, tier), figures in daily.items():
            found = projects.setdefault(project, ProjectFigures(project))
            tiers = untiered if tier is None else found.tiers
            sums = tiers.setdefault(project if tier is None else tier, {})
            for period in periods[day]:
                sums.setdefault(period, DailyFigures()).add(figures)
            if day in by_day:
                by_day[day].setdefault(project, DailyFigures()).add(figures)
        for found in projects.values():
            found.whole = add_periods([untiered.get(found.project_id, {}), *found.tiers.values()])
        totals = add_periods(one.whole for one in projects.values())
        rank = order_currencies(totals.values())
        ordered = sorted(projects.values(), key=lambda one: rank_of(one, rank))
        return cls(calendar, totals, ordered, by_day, has_longer)


def add_periods(found: Iterable[Periods]) -> Periods:
    """Return what periods come to together."""
    sums: Periods = {}
    for periods in found:
        for name, figures in periods.items():
            sums.setdefault(name, DailyFigures()).add(figures)
    return sums


def periods_of(day: Window, calendar: Calendar) -> Iterator[str]:
    """Yield the periods that a day lies in."""
    for name in ("month", "last_month", "yesterday", "recent"):
        period: Window = getattr(calendar, name)
        if period.start <= day.start and day.end <= period.end:
            yield name


def order_currencies(found: Iterable[DailyFigures]) -> list[str]:
    """Return the currencies of figures, US dollars first, then in order."""
    names = {currency for figures in found for currency in figures.cost}
    return sorted(names, key=lambda one: (one not in PREFERRED, one))


def rank_of(project: ProjectFigures, currencies: list[str]) -> tuple[list[Number], int, str]:
    """Order projects by what they cost in thirty days, then by their tokens, then by their ids."""
    recent = project.whole.get("recent", DailyFigures())
    costs = [-recent.cost.get(currency, 0) for currency in currencies]
    return costs, -(recent.input or 0) - (recent.output or 0), project.project_id
