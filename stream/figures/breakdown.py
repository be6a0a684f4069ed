"""What people ask for: tokens, requests and money, by some dimensions and periods.

It adds up what days came to (``daybook``), column by column, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import localcontext
from itertools import compress, repeat
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from stream.figures.daybook import BookDay, Daybook
from stream.figures.days import LEVELS
from stream.figures.periods import Per, start_of_period
from stream.figures.series import UNSPECIFIED, label_value_of
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY, Number
from stream.records.windows import DAY, MAX_TIME, Window

__all__ = [
    "ALL_TIME",
    "BILLED",
    "DIMENSIONS",
    "USUAL",
    "Breakdown",
    "Choice",
    "Measure",
    "add_breakdown",
]

ALL_TIME: Final = Window(0, MAX_TIME + 1)
COSTS: Final = "costs"
AMOUNT: Final = "amount_value"
UNSUITED: Final = frozenset({"quantity"})
"""What days have as one sum although its units differ."""
USUAL: Final = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
"""The counters that are shown of all endpoints."""
DIMENSIONS: Final = ("endpoint", "project_id", "service_tier", "model", "line_item")
OF_USAGE: Final = frozenset({"project_id", "service_tier", "model"})
OF_COSTS: Final = frozenset({"project_id", "line_item"})
BILLED: Final = "billed"


class Choice(Struct, frozen=True, kw_only=True):
    """What is asked for: dimensions, periods, the days of a span, endpoints and projects.

    Of chosen endpoints their own counters are wanted too; without any it is all endpoints, and the
    usual counters. ``projects`` are ids as they are shown; ``None`` is all of them.
    """

    by: tuple[str, ...] = ("project_id",)
    per: Per = "total"
    span: Window = ALL_TIME
    endpoints: tuple[str, ...] = ()
    projects: frozenset[str] | None = None

    def counters_of(self, endpoint: Endpoint) -> frozenset[str]:
        """Return the counters of an endpoint that are wanted."""
        own = endpoint.counters if self.endpoints else (*USUAL, AMOUNT)
        return frozenset(endpoint.counters) & frozenset(own) - UNSUITED


class Measure(NamedTuple):
    """A column of figures: a counter by the API's name, or what is billed in a currency."""

    name: str
    currency: str = ""


Key: TypeAlias = tuple[Any, ...]
"""When a period began, in Unix seconds, and a value for each dimension; ``None``: it has none."""


class Breakdown:
    """Sums by measure and key; figures that nobody has given are not there.

    ``long_spans`` are days that a window joins: they count in their first day.
    """

    def __init__(self, choice: Choice) -> None:
        """Start with nothing."""
        self.choice = choice
        self.sums: defaultdict[Measure, dict[Key, Number]] = defaultdict(dict)
        self.long_spans: set[Window] = set()

    def add(self, endpoint: Endpoint, day: BookDay) -> None:
        """Add what a day came to; days come in the order of time."""
        start = day.days.start
        if not self.choice.span.start <= start < self.choice.span.end:
            return
        dimensions, counters = day.sums
        period = start_of_period(start, self.choice.per)
        rows = len(dimensions["project_id"])
        columns = [
            [endpoint.key] * rows if name == "endpoint" else values_of(endpoint, day, name)
            for name in self.choice.by
        ]
        keys = list(zip(repeat(period, rows), *columns, strict=True))
        known: dict[Measure, list[Number | None]] = {
            Measure(name): column for name, column in counters.items() if name != AMOUNT
        }
        known |= amounts_of(day)
        if self.choice.projects is not None:
            chosen = [one in self.choice.projects for one in values_of(endpoint, day, "project_id")]
            keys = list(compress(keys, chosen))
            known = {name: list(compress(column, chosen)) for name, column in known.items()}
        if day.days.end - start > DAY and keys:
            self.long_spans.add(day.days)
        with localcontext(MONEY):
            for measure, column in known.items():
                sums = self.sums[measure]
                if endpoint.key == LEVELS:  # the last day of a period is what it comes to
                    for key in [one for one in sums if one[0] == period]:
                        del sums[key]
                for key, value in zip(keys, column, strict=True):
                    if value is not None:
                        sums[key] = sums.get(key, 0) + value

    @property
    def measures(self) -> list[Measure]:
        """The measures of which there is anything: the usual, the endpoints' own, then money."""
        order = {name: rank for rank, name in enumerate(all_counters())}
        found = [one for one, sums in self.sums.items() if sums]
        return sorted(
            found, key=lambda one: (one.name == BILLED, order.get(one.name, 0), rank_currency(one))
        )

    def all_keys(self) -> list[Key]:
        """Return the keys of which there is anything."""
        return list(dict.fromkeys(key for sums in self.sums.values() for key in sums))


def add_breakdown(daybook: Daybook, choice: Choice) -> Breakdown:
    """Add up what is asked for.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    found = Breakdown(choice)
    for key in choice.endpoints or ENDPOINTS:
        endpoint = ENDPOINTS[key]
        wanted = choice.counters_of(endpoint)
        for day in daybook.read(key, choice.span, wanted) if wanted else ():
            found.add(endpoint, day)
    return found


def values_of(endpoint: Endpoint, day: BookDay, name: str) -> list[str | None]:
    """Return a dimension of each group as it is shown; ``None``: its endpoint has no such thing."""
    column = day.sums.dimensions.get(name)
    if column is None:
        column = [None] * len(day.sums.dimensions["project_id"])
    applies = name in (OF_COSTS if endpoint.key == COSTS else OF_USAGE)
    names = {
        value: None if value is None and not applies else label_value_of(value)
        for value in set(column)
    }
    return [names[value] for value in column]


def amounts_of(day: BookDay) -> dict[Measure, list[Number | None]]:
    """Return what is billed, a column for each currency."""
    amounts = day.sums.counters.get(AMOUNT)
    if amounts is None:
        return {}
    currencies = [label_value_of(one) for one in day.sums.dimensions["currency"]]
    return {
        Measure(BILLED, currency): [
            amount if one == currency else None
            for one, amount in zip(currencies, amounts, strict=True)
        ]
        for currency in sorted(set(currencies))
    }


def all_counters() -> Iterator[str]:
    """Yield the counters in the order in which they are shown."""
    yield from dict.fromkeys(
        [*USUAL, *(one for known in ENDPOINTS.values() for one in known.counters)]
    )


def rank_currency(measure: Measure) -> tuple[bool, bool, str]:
    """Order currencies: US dollars first, what has none last."""
    return measure.currency == UNSPECIFIED, measure.currency != "usd", measure.currency
