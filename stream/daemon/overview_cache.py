"""What the page shows of usage and money, worked out once for all who look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import anyio.to_thread

from stream.daemon.calendar import Calendar, calendar_at
from stream.daemon.chart import draw_charts
from stream.daemon.overview import Overview
from stream.daemon.shown_projects import ShownProjects, describe_days, describe_projects
from stream.figures.daily import DailyFigures
from stream.figures.daybook import Daybook
from stream.sinks.html.chart import Chart
from stream.sinks.html.names import ProjectNames

__all__ = ["OverviewCache", "ShownOverview"]


class ShownOverview(NamedTuple):
    """An overview, and what is drawn and written of it."""

    overview: Overview
    charts: list[Chart]
    days: list[tuple[str, DailyFigures]]
    projects: ShownProjects


class OverviewCache:
    """Keeps what was worked out last, until state, names or the day are others."""

    def __init__(self, daybook: Daybook) -> None:
        """Ask ``daybook`` for what days came to; it may read from disk."""
        self._daybook = daybook
        self._kept: tuple[Calendar, int, Mapping[str, str], ShownOverview] | None = None

    async def read(self, now: int, version: int, names: Mapping[str, str]) -> ShownOverview:
        """Return how it stands at a moment, in Unix seconds.

        As long as ``version`` is the same, state is. ``names`` of projects by id never change:
        whoever has others gives another mapping. Nothing may change in state meanwhile.

        Raises:
            BadInput, Unavailable: state cannot be read.
        """
        calendar, kept = calendar_at(now), self._kept
        if kept is not None and kept[:2] == (calendar, version) and kept[2] is names:
            return kept[3]
        found = await anyio.to_thread.run_sync(self._work_out, calendar, names)
        self._kept = calendar, version, names, found
        return found

    def _work_out(self, calendar: Calendar, names: Mapping[str, str]) -> ShownOverview:
        """Work it out; runs in a thread."""
        overview = Overview.from_daybook(self._daybook, calendar)
        called = ProjectNames(names)
        return ShownOverview(
            overview,
            draw_charts(overview, called.call),
            describe_days(overview),
            describe_projects(overview, called),
        )
