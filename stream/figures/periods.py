"""Days, weeks, months and the whole: what figures are added up over, by the calendar of UTC."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal, TypeAlias

from stream.records.windows import DAY, MAX_TIME

__all__ = ["PERIODS", "Per", "name_period", "start_of_period"]

Per: TypeAlias = Literal["day", "week", "month", "total"]
PERIODS: Final[tuple[Per, ...]] = ("day", "week", "month", "total")


def start_of_period(day: int, per: Per) -> int:
    """Return when the period began that a day is in; both in Unix seconds, at midnight UTC.

    Weeks begin on Monday, as ISO 8601 has it. All of time is one total, which begins at 0.
    """
    match per:
        case "day":
            return day
        case "week":
            return day - date_of(day).weekday() * DAY
        case "month":
            return day - (date_of(day).day - 1) * DAY
        case "total":
            return 0


def name_period(start: int, per: Per) -> str:
    """Return what a period is called: 2026-10-05, 2026-W41, 2026-10, or nothing."""
    match per:
        case "day":
            return date_of(start).isoformat()
        case "week":
            year, week, _ = date_of(start).isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return date_of(start).isoformat()[:7]
        case "total":
            return ""


def date_of(seconds: int) -> dt.date:
    """Return the UTC date of a moment."""
    return dt.datetime.fromtimestamp(min(max(seconds, 0), MAX_TIME), dt.UTC).date()
