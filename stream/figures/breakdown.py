"""What people ask for: tokens, requests and money, by some dimensions and periods.

It adds up what days came to (``daybook``), column by column, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from decimal import localcontext
from itertools import compress
from typing import Final, NamedTuple

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
    "add_breakdowns",
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
        if self.endpoints and endpoint.key not in self.endpoints:
            return frozenset()
        own = endpoint.counters if self.endpoints else (*USUAL, AMOUNT)
        return frozenset(endpoint.counters) & frozenset(own) - UNSUITED


class Measure(NamedTuple):
    """A column of figures: a counter by the API's name, or money in a currency."""

    name: str
    currency: str = ""


class EndpointSums:
    """Adds up an endpoint's days for a choice, day by day, in the order of time.

    Where there are ``estimates``, what must be said of them is noted there, and
    ``unpriced_groups`` are those some of whose use has no price.
    """

    def __init__(
        self, choice: Choice, endpoint: Endpoint, estimates: EstimateNotes | None = None
    ) -> None:
        """Start with nothing."""
        self.choice = choice
        self.endpoint = endpoint
        self.long_spans: set[Window] = set()
        self.unpriced_groups: set[Values] = set()
        self._groups = ShownGroups(endpoint, choice.dimensions)
        self._counters = choice.counters_of(endpoint)
        self._use: SummedUse | None = None
        if estimates is not None and priced_columns(endpoint):
            self._use = SummedUse(endpoint, estimates, self._counters)
        self._sums: defaultdict[tuple[Measure, int], defaultdict[int, Number]]
        self._sums = defaultdict(lambda: defaultdict(int))

    def take(self, day: BookDay) -> None:
        """Add what a day came to, unless it is another than those that are wanted."""
        start, end = day.days
        if not self.choice.span.start <= start < self.choice.span.end:
            return
        period = start_of_period(start, self.choice.period)
        chosen = self._choose_rows(day)
        numbers = self._groups.of_day(chosen)
        if self._use is not None:
            self._use.take(period, numbers, chosen)
        else:
            self._add_columns(period, numbers, chosen)
        if end - start > DAY and numbers:
            self.long_spans.add(day.days)

    def _add_columns(self, period: int, numbers: list[int], day: BookDay) -> None:
        """Add a day's counters to the groups with these numbers."""
        with localcontext(MONEY):
            for measure, column in columns_of(day, self._counters).items():
                own = self._sums[measure, period]
                if self.endpoint.key == LEVELS:  # the last day of a period is what it comes to
                    own.clear()
                for number, value in zip(numbers, column, strict=True):
                    if value is not None:
                        own[number] += value

    def sums(self) -> Iterator[tuple[Measure, int, Values, Number]]:
        """Yield what the days came to: a measure, a period, values, and the sum.

        The same may come again.
        """
        for (measure, period), own in self._sums.items():
            for number, value in own.items():
                yield measure, period, self._groups.shown_values[number], value
        if self._use is not None:
            yield from self._sums_of_use(self._use)

    def _sums_of_use(self, use: SummedUse) -> Iterator[tuple[Measure, int, Values, Number]]:
        """Yield what was used, and what it should have cost."""
        estimated, shown = Measure(ESTIMATED, use.currency), self._groups.shown_values
        measures = {name: Measure(name) for name in self._counters}
        for period, number, counters, amount, is_whole in use.estimate():
            for name in counters.keys() & measures:
                yield measures[name], period, shown[number], counters[name]
            if amount is not None:
                yield estimated, period, shown[number], amount
            if not is_whole:
                self.unpriced_groups.add(shown[number])

    def _choose_rows(self, day: BookDay) -> BookDay:
        """Return a day with the rows of the projects that are wanted."""
        if self.choice.projects is None:
            return day
        projects = ShownGroups(self.endpoint, ("project_id",))
        of_rows = projects.of_day(day)
        chosen = [projects.shown_values[one][0] in self.choice.projects for one in of_rows]
        dimensions, counters = (
            {name: list(compress(column, chosen)) for name, column in columns.items()}
            for columns in day.sums
        )
        return day._replace(sums=DayColumns(dimensions, counters))


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
        choice = self.choice
        if choice.endpoints and endpoint.key not in choice.endpoints:
            return frozenset()
        wanted = choice.counters_of(endpoint)
        if self.estimates is not None:
            wanted |= priced_columns(endpoint)
        return wanted and wanted | {*choice.dimensions, "project_id", "currency"}

    def take(self, sums: EndpointSums) -> None:
        """Add what an endpoint's days came to."""
        with localcontext(MONEY):
            for measure, period, values, value in sums.sums():
                found = self.sums[measure][period]
                found[values] = found.get(values, 0) + value
        self.long_spans |= sums.long_spans
        self.unpriced_groups |= sums.unpriced_groups

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
    return add_breakdowns(daybook, [choice], prices)[0]


def add_breakdowns(
    daybook: Daybook, choices: Iterable[Choice], prices: PriceList | None = None
) -> list[Breakdown]:
    """Add up all that is asked for, and read each day once.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    found = [Breakdown(choice, prices) for choice in choices]
    for key, endpoint in ENDPOINTS.items():
        wanted = [one for one in found if one.columns_for(endpoint)]
        if not wanted:
            continue
        sums = [EndpointSums(one.choice, endpoint, one.estimates) for one in wanted]
        spans = [one.choice.span for one in wanted]
        span = Window(min(one.start for one in spans), max(one.end for one in spans))
        columns = frozenset().union(*(one.columns_for(endpoint) for one in wanted))
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


def rank_money(measure: Measure) -> int:
    """Order money behind counts: what is billed, then what is estimated."""
    return MONEY_NAMES.index(measure.name) + 1 if measure.name in MONEY_NAMES else 0


def rank_currency(measure: Measure) -> tuple[bool, bool, str]:
    """Order currencies: US dollars first, what has none last."""
    return measure.currency == UNSPECIFIED, measure.currency != "usd", measure.currency
