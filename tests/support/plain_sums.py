"""Sums by dimensions and periods, added up the plain way from the records of the oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Inexact, localcontext
from typing import TypeAlias

from tests.oracle import (
    DAY,
    ENDPOINTS,
    Delivery,
    Number,
    Record,
    resolved,
    state_after,
    unlike_null,
)

LEVEL = "usage/vector_stores"
USUAL = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
SUITED = {"line_item": {"costs"}, "service_tier": set(ENDPOINTS) - {"costs"}}
SUITED["model"] = SUITED["service_tier"]

Sums: TypeAlias = dict[tuple[str, str, tuple[str | None, ...]], Number]
"""What is counted (``billed usd`` for money), the period's first day, and values → the sum."""


def plain_sums(
    deliveries: list[Delivery], by: Iterable[str], per: str, endpoints: Iterable[str] = ()
) -> Sums:
    """Add up; without endpoints it is all of them, and the usual counters."""
    names, chosen = list(by), set(endpoints)
    sums: defaultdict[tuple[str, str, tuple[str | None, ...]], Number] = defaultdict(int)
    with localcontext(Context(prec=1_000, traps=[Inexact])):
        for endpoint in sorted({one.endpoint for one in deliveries} & (chosen or set(ENDPOINTS))):
            state = state_after([one for one in deliveries if one.endpoint == endpoint])
            windows = {place.window for place in state}
            for record in resolved(endpoint, state).records:
                first = first_day(record.window, windows)
                values = tuple(value_of(endpoint, record, name) for name in names)
                for name, value in record.counters.items():
                    if name in (
                        ENDPOINTS[endpoint].counters if chosen else (*USUAL, "amount_value")
                    ):
                        sums[counted(record, name), period_of(first, per), values] += value
    return {key: value for key, value in sums.items() if key[0] != "quantity"}


def counted(record: Record, name: str) -> str:
    """Name what is counted; money by its currency."""
    return f"billed {unlike_null(record.get('currency'))}" if name == "amount_value" else name


def value_of(endpoint: str, record: Record, name: str) -> str | None:
    """Name a dimension's value; ``None``: it does not apply."""
    if name == "endpoint":
        return endpoint
    value = record.get(name)
    applies = endpoint in SUITED.get(name, ENDPOINTS)
    return None if value is None and not applies else unlike_null(value)


def first_day(window: tuple[int, int], windows: set[tuple[int, int]]) -> int:
    """Find the first of the days that windows join to this window's."""
    start, end = days_of(window)
    while True:
        near = [days for one in windows if (days := days_of(one))[0] < end and start < days[1]]
        wider = min(one[0] for one in near), max(one[1] for one in near)
        if wider == (start, end):
            return start
        start, end = wider


def days_of(window: tuple[int, int]) -> tuple[int, int]:
    """Return the first second of a window's first day, and that after its last."""
    start, end = window
    return start // DAY * DAY, max(-(-end // DAY), start // DAY + 1) * DAY


def period_of(day: int, per: str) -> str:
    """Return the first day of a period, as ISO 8601 has it; nothing for the whole."""
    found: date = datetime.fromtimestamp(day, UTC).date()
    if per == "week":
        found -= timedelta(days=found.isoweekday() - 1)
    if per == "month":
        found = found.replace(day=1)
    return "" if per == "total" else found.isoformat()
