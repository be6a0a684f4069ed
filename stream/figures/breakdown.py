"""What people ask for: tokens, requests and money, by some dimensions and periods.

It adds up what days came to (``daybook``), column by column, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from decimal import localcontext
from itertools import compress
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from stream.figures.daybook import BookDay, Daybook
from stream.figures.days import LEVELS, DayColumns
from stream.figures.money.group_estimates import EstimateNotes, SummedUse, priced_columns
from stream.figures.periods import Per, start_of_period
from stream.figures.series import UNSPECIFIED, label_value_of
from stream.figures.shown_groups import ShownGroups, Values
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import PriceList
from stream.records.money import MONEY, Number
from stream.records.windows import DAY, MAX_TIME, Window

__all__ = [
    "ALL_TIME",
    "BILLED",
    "DIMENSIONS",
    "ESTIMATED",
    "MONEY_NAMES",
    "USUAL",
    "Breakdown",
    "Choice",
    "Measure",
    "add_breakdown",
    "rank_currency",
]

ALL_TIME: Final = Window(0, MAX_TIME + 1)
AMOUNT: Final = "amount_value"
UNSUITED: Final = frozenset({"quantity"})
"""What days have as one sum although its units differ."""
USUAL: Final = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
"""The counters that are shown of all endpoints."""
DIMENSIONS: Final = ("endpoint", "project_id", "service_tier", "model", "line_item")
BILLED: Final = "billed"
ESTIMATED: Final = "estimated"
MONEY_NAMES: Final = (BILLED, ESTIMATED)


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
        own = endpoint.counters if self.endpoints else (*USUAL, AMOUNT)
        return frozenset(endpoint.counters) & frozenset(own) - UNSUITED


class Measure(NamedTuple):
    """A column of figures: a counter by the API's name, or money in a currency."""

    name: str
    currency: str = ""


EndpointSums: TypeAlias = defaultdict[tuple[Measure, int], defaultdict[int, Number]]
"""Measure and period → sums by the groups' numbers."""


class Breakdown:
    """Sums by measure, period and values; figures that nobody has given are not there.

    ``long_spans`` are days that a window joins: they count in their first day. Where there are
    ``estimates``, ``unpriced_groups`` are those some of whose use has no price.
    """

    def __init__(self, choice: Choice, prices: PriceList | None = None) -> None:
        """Start with nothing; where there are ``prices``, use is estimated too."""
        self.choice = choice
        self.estimates = None if prices is None else EstimateNotes(prices)
        self.sums: defaultdict[Measure, defaultdict[int, dict[Values, Number]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self.long_spans: set[Window] = set()
        self.unpriced_groups: set[Values] = set()

    def columns_for(self, endpoint: Endpoint) -> frozenset[str]:
        """Return the columns of an endpoint's days that are needed; none: nothing is wanted."""
        wanted = self.choice.counters_of(endpoint)
        if self.estimates is not None:
            wanted |= priced_columns(endpoint)
        return wanted and wanted | {*self.choice.dimensions, "project_id", "currency"}

    def add_endpoint(self, endpoint: Endpoint, days: Iterable[BookDay]) -> None:
        """Add what an endpoint's days came to, in the order of time; others than wanted are not."""
        groups = ShownGroups(endpoint, self.choice.dimensions)
        use = None if self.estimates is None else SummedUse(endpoint, self.estimates)
        wanted = self.choice.counters_of(endpoint)
        sums: EndpointSums = defaultdict(lambda: defaultdict(int))
        for period, day in self._choose_days(endpoint, days):
            numbers = groups.of_day(day)
            if use is not None:
                use.take(period, numbers, day)
            with localcontext(MONEY):
                for measure, column in columns_of(day, wanted).items():
                    own = sums[measure, period]
                    if endpoint.key == LEVELS:  # the last day of a period is what it comes to
                        own.clear()
                    for number, value in zip(numbers, column, strict=True):
                        if value is not None:
                            own[number] += value
            if day.days.end - day.days.start > DAY and numbers:
                self.long_spans.add(day.days)
        if use is not None:
            self._estimate(use, groups, sums)
        self._join(groups, sums)

    def _join(self, groups: ShownGroups, sums: EndpointSums) -> None:
        """Add an endpoint's sums to those of the others."""
        with localcontext(MONEY):
            for (measure, period), own in sums.items():
                shown = self.sums[measure][period]
                for number, value in own.items():
                    values = groups.shown_values[number]
                    shown[values] = shown.get(values, 0) + value

    def _choose_days(
        self, endpoint: Endpoint, days: Iterable[BookDay]
    ) -> Iterator[tuple[int, BookDay]]:
        """Yield the days of the span, each with its period, and of them the projects wanted."""
        span = self.choice.span
        for day in days:
            if span.start <= day.days.start < span.end:
                period = start_of_period(day.days.start, self.choice.period)
                yield period, self._choose_rows(endpoint, day)

    def _estimate(self, use: SummedUse, groups: ShownGroups, sums: EndpointSums) -> None:
        """Add what use should have cost to an endpoint's sums."""
        assert self.estimates is not None  # noqa: S101 -- use is counted where there are
        measure = Measure(ESTIMATED, self.estimates.prices.currency)
        with localcontext(MONEY):
            for one in use.estimate():
                if one.amount is not None:
                    sums[measure, one.period][one.number] += one.amount
                if not one.is_whole:
                    self.unpriced_groups.add(groups.shown_values[one.number])

    def _choose_rows(self, endpoint: Endpoint, day: BookDay) -> BookDay:
        """Return a day with the rows of the projects that are wanted."""
        if self.choice.projects is None:
            return day
        projects = ShownGroups(endpoint, ("project_id",))
        of_rows = projects.of_day(day)
        chosen = [projects.shown_values[one][0] in self.choice.projects for one in of_rows]
        dimensions, counters = (
            {name: list(compress(column, chosen)) for name, column in columns.items()}
            for columns in day.sums
        )
        return day._replace(sums=DayColumns(dimensions, counters))

    @property
    def measures(self) -> list[Measure]:
        """The measures of which there is anything: the usual, the endpoints' own, then money."""
        order = {name: rank for rank, name in enumerate(all_counters())}
        found = [one for one, sums in self.sums.items() if any(sums.values())]
        return sorted(
            found, key=lambda one: (rank_money(one), order.get(one.name, 0), rank_currency(one))
        )

    def keys_by_period(self) -> dict[int, list[Values]]:
        """Return the periods in order, each with the values that there is anything of."""
        found: defaultdict[int, dict[Values, None]] = defaultdict(dict)
        for sums in self.sums.values():
            for period, groups in sums.items():
                found[period] |= dict.fromkeys(groups)
        return {period: list(found[period]) for period in sorted(found) if found[period]}


def add_breakdown(daybook: Daybook, choice: Choice, prices: PriceList | None = None) -> Breakdown:
    """Add up what is asked for; where there are ``prices``, estimate use too.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    found = Breakdown(choice, prices)
    for key in choice.endpoints or ENDPOINTS:
        endpoint = ENDPOINTS[key]
        columns = found.columns_for(endpoint)
        if columns:
            found.add_endpoint(endpoint, daybook.read(key, choice.span, columns))
    return found


def columns_of(day: BookDay, wanted: Container[str]) -> dict[Measure, list[Number | None]]:
    """Return the counters of a day that are wanted; what is billed has a column by currency."""
    found = {name: one for name, one in day.sums.counters.items() if name in wanted}
    amounts = found.pop(AMOUNT, [])
    columns = {Measure(name): one for name, one in found.items()}
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


def rank_money(measure: Measure) -> int:
    """Order money behind counts: what is billed, then what is estimated."""
    return MONEY_NAMES.index(measure.name) + 1 if measure.name in MONEY_NAMES else 0


def rank_currency(measure: Measure) -> tuple[bool, bool, str]:
    """Order currencies: US dollars first, what has none last."""
    return measure.currency == UNSPECIFIED, measure.currency != "usd", measure.currency
