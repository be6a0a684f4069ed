"""Days of use and costs as a store keeps them, for what is worked out of them in money."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from stream.figures.days import DayGroups, pack_groups
from stream.providers.openai import ENDPOINTS
from stream.records.windows import DAY, Window
from stream.state.saved_series import SavedDay, Span
from tests.support.days import HeldDays

__all__ = ["MARCH", "NOW", "charge", "day_of_march", "made_day", "made_store", "use"]

MARCH: Final = 1_772_323_200
"""2026-03-01T00:00:00Z, a Sunday."""
NOW: Final = MARCH + 9 * DAY + DAY // 2
"""Noon of March 10th: nine days are over, and those up to the 6th are billed for good."""
Row = tuple[tuple[Any, ...], dict[str, Any]]


def day_of_march(number: int, days: int = 1) -> Window:
    """Return a day of March 2026, or several; 0 is the last of February."""
    start = MARCH + (number - 1) * DAY
    return Window(start, start + days * DAY)


def charge(amount: Any, project: str | None = "p", currency: str | None = "usd") -> Row:
    """Return what was billed of a model's input."""
    return (project, "m, input", currency), {"amount_value": amount}


def use(tokens: int, project: str | None = "p", model: str = "m") -> Row:
    """Return what was used: a token of ``m`` costs a cent."""
    return (project, None, model, False, False), {"input_tokens": tokens}


NAMES: Final = {
    "costs": ("project_id", "line_item", "currency"),
    "usage/completions": ("project_id", "service_tier", "model", "batch", "has_cost"),
}


def made_day(endpoint: str, window: Window, *rows: Row) -> SavedDay:
    """Return what a day came to, as it is kept."""
    groups = DayGroups(NAMES[endpoint], dict(rows))
    assert endpoint in ENDPOINTS
    return SavedDay(Span(endpoint, window), pack_groups(groups), not rows)


def made_store(days: Iterable[SavedDay]) -> HeldDays:
    """Return a store of days."""
    store = HeldDays()
    for day in days:
        store.known[day.span.endpoint, day.span.window.start] = day
    return store
