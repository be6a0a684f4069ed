"""Estimates of one group of rows, by the published prices or by a short list of the tests' own."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from stream.figures.days import DayGroups
from stream.figures.money.estimates import Estimates
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.choice import load_prices
from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices, PriceList
from stream.records.money import exact_number, plain_text_of
from stream.records.windows import DAY, Window

PUBLISHED: Final = load_prices("default")
OWN: Final = LayeredPrices(
    read_own_prices(
        b"""
        default = false
        [[price]]
        model = "*"
        sessions = "0.03"
        file_searches = "2.50"
        [[price]]
        model = "m"
        input = "3"
        output = "5"
        images = "0.04"
        minutes = "0.01"
        [[price]]
        model = "m"
        tier = "scale"
        included = true
        [[price]]
        model = "m"
        valid_from = 2025-01-01
        input = "2"
        """,
        "prices.toml",
        "own",
    )
)


def day_at(year: int, month: int, day: int) -> Window:
    """Return a UTC day."""
    start = int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())
    return Window(start, start + DAY)


NOVEMBER: Final = day_at(2026, 11, 1)
BEFORE: Final = day_at(2024, 12, 31)
"""The last day before the own list's later entry."""


def estimates_of(
    name: str,
    counters: dict[str, Any],
    prices: PriceList = PUBLISHED,
    days: Window = NOVEMBER,
    **known: Any,
) -> Estimates:
    """Estimate one group of an endpoint."""
    found = Estimates(prices)
    groups = DayGroups(tuple(known), {tuple(known.values()): counters})
    found.take(ENDPOINTS[f"usage/{name}"], days, groups)
    return found


def amounts_of(found: Estimates) -> dict[str, str | int]:
    """Return each kind's amount as text; of what has no price, its quantity as a number."""
    return {
        key.kind: one.without_price or plain_text_of(exact_number(one.amount))
        for key, one in found.by_key.items()
    }


def tokens(**counts: int) -> dict[str, int]:
    """Return counters of tokens."""
    return {f"{name}_tokens": count for name, count in counts.items()}
