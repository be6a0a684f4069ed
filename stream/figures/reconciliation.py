"""What people ask for of bills and estimates: rows by period, each with what explains it.

Days are compared as the report compares them, whatever is asked for; then they are chosen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from msgspec import Struct, field

from stream.figures.breakdown import Choice
from stream.figures.daybook import Daybook
from stream.figures.days import COSTS, WANTED, DayGroups, rows_of
from stream.figures.money.billing import BilledDays, horizon_of
from stream.figures.money.bills import AMOUNT, order_of_place
from stream.figures.money.estimates import Contradiction
from stream.figures.money.group_estimates import priced_columns
from stream.figures.money.rows import BillPlace, BillRow, BillSums
from stream.figures.periods import start_of_period
from stream.figures.series import label_value_of
from stream.figures.spans import widen_days
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.line_items import Subject
from stream.providers.prices.price_list import PriceList
from stream.records.windows import DAY, Window

__all__ = ["PeriodRow", "Reconciliation", "RowSums", "reconcile_periods"]

CHARGED: Final = frozenset({AMOUNT})


class PeriodRow(NamedTuple):
    """What is compared in a period: a project's line items, or use that none is about."""

    period: int
    project_id: str | None
    line_items: tuple[str | None, ...]
    subject: Subject
    currency: str | None
    reason: str

    @property
    def order(self) -> tuple[object, ...]:
        """What orders rows."""
        place = BillPlace(
            Window(self.period, self.period), self.project_id, self.subject, self.currency
        )
        lines = tuple((one is not None, one or "") for one in self.line_items)
        return order_of_place(place), lines, self.reason


class RowSums(Struct):
    """What such rows come to; ``quantity`` is what was used, some of it ``without_price``.

    ``is_used``: something was.
    """

    money: BillSums = field(default_factory=BillSums)
    is_used: bool = False
    quantity: int = 0
    without_price: int = 0

    def take(self, row: BillRow) -> None:
        """Count a row."""
        self.money.take(row)
        self.is_used |= bool(row.usage)
        self.quantity += row.estimate.quantity
        self.without_price += row.estimate.without_price


class Reconciliation(NamedTuple):
    """Rows in order, and what they come to by currency and reason.

    ``long_spans`` are days that a window joins: they count in their first day.
    """

    choice: Choice
    prices: PriceList
    rows: list[tuple[PeriodRow, RowSums]]
    sums: dict[tuple[str | None, str], BillSums]
    contradictions: list[Contradiction]
    long_spans: set[Window]


def reconcile_periods(
    daybook: Daybook, choice: Choice, prices: PriceList, now: int
) -> Reconciliation:
    """Compare what was billed and what was estimated; ``now`` is the clock, in Unix seconds.

    Raises:
        BadInput, Unavailable: days cannot be read.
    """
    span = widen_span(daybook, choice.span)
    readers = {
        key: partial(read_groups, daybook, ENDPOINTS[key], span)
        for key in ENDPOINTS
        if columns_for(ENDPOINTS[key])
    }
    last = horizon_of(read_groups(daybook, ENDPOINTS[COSTS], Choice().span), now)
    found: defaultdict[PeriodRow, RowSums] = defaultdict(RowSums)
    sums: defaultdict[tuple[str | None, str], BillSums] = defaultdict(BillSums)
    contradictions, long_spans = list[Contradiction](), set[Window]()
    for estimates, rows in BilledDays(readers, prices, last).compare():
        contradictions += (
            one for one in estimates.contradictions if is_chosen(choice, one.days, one.project_id)
        )
        for row in rows:
            days, project, subject, currency = row.place
            if is_chosen(choice, days, project):
                period = start_of_period(days.start, choice.period)
                lines = tuple(row.line_items)
                found[PeriodRow(period, project, lines, subject, currency, row.reason)].take(row)
                sums[currency, row.reason].take(row)
                if days.end - days.start > DAY:
                    long_spans.add(days)
    ordered = sorted(found.items(), key=lambda one: one[0].order)
    return Reconciliation(choice, prices, ordered, sums, contradictions, long_spans)


def is_chosen(choice: Choice, days: Window, project_id: str | None) -> bool:
    """Tell whether something is asked for: of days that begin in the span, and of a project."""
    if not choice.span.start <= days.start < choice.span.end:
        return False
    return choice.projects is None or label_value_of(project_id) in choice.projects


def columns_for(endpoint: Endpoint) -> frozenset[str]:
    """Return the columns that are compared; of what is neither use nor billed, none."""
    columns = CHARGED if endpoint.key == COSTS else priced_columns(endpoint)
    return columns and columns | {*WANTED}


def read_groups(
    daybook: Daybook, endpoint: Endpoint, span: Window
) -> Iterator[tuple[Window, DayGroups]]:
    """Yield an endpoint's days, group by group."""
    for day in daybook.read(endpoint.key, span, columns_for(endpoint)):
        dimensions, counters = day.sums
        groups = zip(*dimensions.values(), strict=True)
        yield day.days, DayGroups(tuple(dimensions), dict(rows_of(groups, counters)))


def widen_span(daybook: Daybook, span: Window) -> Window:
    """Widen a span to whole days of all endpoints: what a window joins is compared together."""
    compared = [key for key, endpoint in ENDPOINTS.items() if columns_for(endpoint)]

    def joined(days: Window) -> Iterator[Window]:
        for edge in (Window(days.start, days.start + 1), Window(days.end - 1, days.end)):
            for key in compared:
                yield from (day.days for day in daybook.read(key, edge, {"project_id"}))

    return widen_days(span, joined)
