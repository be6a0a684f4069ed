"""Which days the page speaks of, by the clock: this month, yesterday, the last thirty days."""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from stream.records.windows import DAY, MAX_TIME, Window, day_of

__all__ = ["Calendar", "calendar_at"]

RECENT: Final = 30
"""Days of the chart; the last of them is today."""


class Calendar(NamedTuple):
    """Windows of whole UTC days; ``month`` begins with this one's first day, and ends with today.

    ``last_month`` is the whole month before it.
    """

    today: Window
    yesterday: Window
    month: Window
    last_month: Window
    recent: Window

    @property
    def span(self) -> Window:
        """The shortest window that has all of them in it."""
        return Window(min(self.last_month.start, self.recent.start), self.today.end)

    @property
    def recent_days(self) -> list[Window]:
        """The days of the chart, the eldest first."""
        return [
            Window(start, start + DAY) for start in range(self.recent.start, self.recent.end, DAY)
        ]


def calendar_at(now: int) -> Calendar:
    """Return the days as they are at a moment, in Unix seconds."""
    today = day_of(min(now, MAX_TIME))
    first = dt.datetime.fromtimestamp(today.start, dt.UTC).replace(day=1)
    before = (first - dt.timedelta(days=1)).replace(day=1)
    start = int(first.timestamp())
    return Calendar(
        today,
        Window(today.start - DAY, today.start),
        Window(start, today.end),
        Window(int(before.timestamp()), start),
        Window(today.end - RECENT * DAY, today.end),
    )
