"""Days, weeks, months and the whole: what figures are added up over, by the calendar of UTC."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from typing import Final, Literal, TypeAlias

from stream.records.windows import DAY, MAX_TIME, Window

__all__ = ["PERIODS", "Per", "name_period", "read_days", "start_of_period"]

Per: TypeAlias = Literal["day", "week", "month", "total"]
EPOCH: Final = dt.date(1970, 1, 1)
SHAPE: Final = re.compile(r"([0-9]{4})(?:-(?:([0-9]{2})(?:-([0-9]{2}))?|W([0-9]{2})))?", re.ASCII)
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


def read_days(text: str) -> Window:
    """Return the UTC days that a text names: 2026, 2026-10, 2026-10-05 or 2026-W41.

    A moment in RFC 3339 or Unix seconds is one where a day begins, and has no length.

    Raises:
        ValueError: it names no days, or a moment within one.
    """
    shape = SHAPE.fullmatch(text)
    if shape is None:
        moment = moment_of(text)
        return Window(moment, moment)
    year, month, day, week = (None if one is None else int(one) for one in shape.groups())
    if week is not None:
        monday = dt.date.fromisocalendar(year or 0, week, 1)
        return Window(midnight_of(monday), midnight_of(monday) + 7 * DAY)
    first = dt.date(year or 0, month or 1, day or 1)
    if day is not None:
        return Window(midnight_of(first), midnight_of(first) + DAY)
    days = calendar.monthrange(first.year, month)[1] if month else 365 + calendar.isleap(first.year)
    return Window(midnight_of(first), midnight_of(first) + days * DAY)


def moment_of(text: str) -> int:
    """Return a moment at which a UTC day begins, in Unix seconds.

    Raises:
        ValueError: it is none.
    """
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        moment = dt.datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    if not 0 <= seconds <= MAX_TIME or seconds % DAY:
        raise ValueError("no day of UTC begins then")
    return int(seconds)


def midnight_of(date: dt.date) -> int:
    """Return when a UTC date begins, in Unix seconds.

    Raises:
        ValueError: that was before 1970.
    """
    seconds = int(dt.datetime.combine(date, dt.time(), dt.UTC).timestamp())
    if seconds < 0:
        raise ValueError("before 1970")
    return seconds


def date_of(seconds: int) -> dt.date:
    """Return the UTC date of a moment; the week of 1970-01-01 begins before."""
    return EPOCH + dt.timedelta(days=min(seconds, MAX_TIME) // DAY)
