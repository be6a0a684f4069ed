"""What people ask for: tokens, requests and money, by some dimensions and periods.

It adds up what days came to (``daybook``), column by column, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from decimal import localcontext
from itertools import compress
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from stream.figures.daybook import BookDay, Daybook
from stream.figures.days import LEVELS, suited_dimensions
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
    "Values",
    "add_breakdown",
    "add_breakdowns",
]

ALL_TIME: Final = Window(0, MAX_TIME + 1)
AMOUNT: Final = "amount_value"
UNSUITED: Final = frozenset({"quantity"})
"""What days have as one sum although its units differ."""
USUAL: Final = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
"""The counters that are shown of all endpoints."""
DIMENSIONS: Final = ("endpoint", "project_id", "service_tier", "model", "line_item")
BILLED: Final = "billed"


class Choice(Struct, frozen=True, kw_only=True):
    """What is asked for: dimensions, periods, the days of a span, endpoints and projects.

    Of chosen endpoints their own counters are wanted too; without any it is all endpoints, and the
    usual counters. ``projects`` are ids as they are shown; ``None`` is all of them.
    """

    dimensions: tuple[str, ...] = ("project_id",)
    period: Per = "total"
    span: Window = ALL_TIME
    endpoints: tuple[str, ...] = ()
    projects: frozenset[str] | None = None

    def counters_of(self, endpoint: Endpoint) -> frozenset[str]:
        """Return the counters of an endpoint that are wanted."""
        if self.endpoints and endpoint.key not in self.endpoints:
            return frozenset()
        own = endpoint.counters if self.endpoints else (*USUAL, AMOUNT)
        return frozenset(endpoint.counters) & frozenset(own) - UNSUITED


class Measure(NamedTuple):
    """A column of figures: a counter by the API's name, or what is billed in a currency."""

    name: str
    currency: str = ""


Values: TypeAlias = tuple[str | None, ...]
"""A value for each dimension, as it is shown; ``None``: what counts there has no such thing."""


class ShownGroups(dict[tuple[Any, ...], int]):
    """An endpoint's groups as days have them → numbers, by which adding up is quick.

    ``shown_values`` has by number what people see, which is found out once for each.
    """

    def __init__(self, endpoint: Endpoint, names: tuple[str, ...]) -> None:
        """Show groups by values of these dimensions."""
        super().__init__()
        self.shown_values: list[Values] = []
        self._names = names
        self._endpoint = endpoint
        self._suited = suited_dimensions(endpoint)

    def __missing__(self, values: tuple[Any, ...]) -> int:
        """Find out how a group is shown."""
        self[values] = number = len(self.shown_values)
        self.shown_values.append(
            tuple(
                self._endpoint.key
                if name == "endpoint"
                else label_value_of(value)
                if value is not None or name in self._suited
                else None
                for name, value in zip(self._names, values, strict=True)
            )
        )
        return number

    def of_day(self, day: BookDay) -> list[int]:
        """Return the numbers of a day's groups."""
        found, rows = day.sums.dimensions, len(day.sums.dimensions["project_id"])
        if not self._names:
            return [self[()]] * rows
        columns = (found.get(name) or [None] * rows for name in self._names)
        return list(map(self.__getitem__, zip(*columns, strict=True)))


class EndpointSums:
    """Adds up an endpoint's days for a choice, day by day, in the order of time."""

    def __init__(self, choice: Choice, endpoint: Endpoint) -> None:
        """Start with nothing."""
        self.choice = choice
        self.endpoint = endpoint
        self.long_spans: set[Window] = set()
        self._groups = ShownGroups(endpoint, choice.dimensions)
        self._counters = choice.counters_of(endpoint)
        self._sums: defaultdict[tuple[Measure, int], defaultdict[int, Number]]
        self._sums = defaultdict(lambda: defaultdict(int))

    def take(self, day: BookDay) -> None:
        """Add what a day came to, unless it is another than those that are wanted."""
        start, end = day.days
        if not self.choice.span.start <= start < self.choice.span.end:
            return
        period = start_of_period(start, self.choice.period)
        numbers, columns = self._choose(self._groups.of_day(day), day)
        with localcontext(MONEY):
            for measure, column in columns.items():
                own = self._sums[measure, period]
                if self.endpoint.key == LEVELS:  # the last day of a period is what it comes to
                    own.clear()
                for number, value in zip(numbers, column, strict=True):
                    if value is not None:
                        own[number] += value
        if end - start > DAY and numbers:
            self.long_spans.add(day.days)

    def sums(self) -> Iterator[tuple[Measure, int, Values, Number]]:
        """Yield what the days came to: a measure, a period, values, and the sum."""
        for (measure, period), own in self._sums.items():
            for number, value in own.items():
                yield measure, period, self._groups.shown_values[number], value

    def _choose(
        self, numbers: list[int], day: BookDay
    ) -> tuple[list[int], dict[Measure, list[Number | None]]]:
        """Return a day's groups and columns, of the projects that are wanted."""
        columns = columns_of(day, self._counters)
        if self.choice.projects is None:
            return numbers, columns
        projects = ShownGroups(self.endpoint, ("project_id",))
        of_groups = projects.of_day(day)
        chosen = [projects.shown_values[one][0] in self.choice.projects for one in of_groups]
        return (
            list(compress(numbers, chosen)),
            {name: list(compress(column, chosen)) for name, column in columns.items()},
        )


class Breakdown:
    """Sums by measure, period and values; figures that nobody has given are not there.

    ``long_spans`` are days that a window joins: they count in their first day.
    """

    def __init__(self, choice: Choice) -> None:
        """Start with nothing."""
        self.choice = choice
        self.sums: defaultdict[Measure, defaultdict[int, dict[Values, Number]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self.long_spans: set[Window] = set()

    def take(self, sums: EndpointSums) -> None:
        """Add what an endpoint's days came to."""
        with localcontext(MONEY):
            for measure, period, values, value in sums.sums():
                found = self.sums[measure][period]
                found[values] = found.get(values, 0) + value
        self.long_spans |= sums.long_spans

    @property
    def measures(self) -> list[Measure]:
        """The measures of which there is anything: the usual, the endpoints' own, then money."""
        order = {name: rank for rank, name in enumerate(all_counters())}
        found = [one for one, sums in self.sums.items() if any(sums.values())]
        return sorted(
            found, key=lambda one: (one.name == BILLED, order.get(one.name, 0), rank_currency(one))
        )

    def keys_by_period(self) -> dict[int, list[Values]]:
        """Return the periods in order, each with the values that there is anything of."""
        found: defaultdict[int, dict[Values, None]] = defaultdict(dict)
        for sums in self.sums.values():
            for period, groups in sums.items():
                found[period] |= dict.fromkeys(groups)
        return {period: list(found[period]) for period in sorted(found) if found[period]}


def add_breakdown(daybook: Daybook, choice: Choice) -> Breakdown:
    """Add up what is asked for.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    return add_breakdowns(daybook, [choice])[0]


def add_breakdowns(daybook: Daybook, choices: Iterable[Choice]) -> list[Breakdown]:
    """Add up all that is asked for, and read each day once.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    found = [Breakdown(choice) for choice in choices]
    for key, endpoint in ENDPOINTS.items():
        wanted = [one for one in found if one.choice.counters_of(endpoint)]
        if not wanted:
            continue
        sums = [EndpointSums(one.choice, endpoint) for one in wanted]
        spans = [one.choice.span for one in wanted]
        span = Window(min(one.start for one in spans), max(one.end for one in spans))
        columns = {"project_id", "currency"}.union(
            *(one.choice.counters_of(endpoint) for one in wanted),
            *(one.choice.dimensions for one in wanted),
        )
        for day in daybook.read(key, span, columns):
            for one in sums:
                one.take(day)
        for breakdown, own in zip(wanted, sums, strict=True):
            breakdown.take(own)
    return found


def columns_of(day: BookDay, wanted: Container[str]) -> dict[Measure, list[Number | None]]:
    """Return a day's counters that are wanted; of what is billed a column for each currency."""
    counters = {name: one for name, one in day.sums.counters.items() if name in wanted}
    amounts = counters.pop(AMOUNT, [])
    columns = {Measure(name): one for name, one in counters.items()}
    currencies = day.sums.dimensions["currency"] if amounts else []
    for currency in sorted(set(currencies), key=label_value_of):
        pairs = zip(currencies, amounts, strict=True)
        columns[Measure(BILLED, label_value_of(currency))] = [
            amount if one == currency else None for one, amount in pairs
        ]
    return columns


def all_counters() -> Iterator[str]:
    """Yield the counters in the order in which they are shown."""
    yield from dict.fromkeys(
        [*USUAL, *(one for known in ENDPOINTS.values() for one in known.counters)]
    )


def rank_currency(measure: Measure) -> tuple[bool, bool, str]:
    """Order currencies: US dollars first, what has none last."""
    return measure.currency == UNSPECIFIED, measure.currency != "usd", measure.currency
