"""What was used and billed, over time and by what it was for: the charts and tables of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.breakdown import BILLED, Choice, Measure, add_breakdowns
from stream.figures.daybook import Daybook, FiguresDaybook
from stream.figures.days import COSTS
from stream.figures.money.billing import Bills
from stream.figures.outline import Outline
from stream.figures.ranks import rank_rows
from stream.figures.series import label_value_of
from stream.records.money import Number
from stream.records.windows import Window
from stream.sinks.html.names import ProjectNames
from stream.sinks.html.periods import PeriodFigures, PeriodView, month_after, view_periods
from stream.sinks.html.tables import (
    MOST_CURRENCIES,
    EstimatedAmounts,
    PageTable,
    SheetWords,
    call_currency,
    make_sheet,
    sum_money,
)

__all__ = ["UsageView", "view_usage"]

TOP: Final = 100
"""Groups that have a row of their own."""
PROJECT: Final = ("project_id",)
MODEL: Final = ("model",)
TIER: Final = ("service_tier",)
LINE: Final = ("line_item",)
CHOICES: Final = (
    Choice(dimensions=(), period="month"),
    Choice(dimensions=PROJECT),
    Choice(dimensions=LINE, endpoints=(COSTS,)),
    Choice(dimensions=TIER),
    Choice(dimensions=MODEL),
    Choice(dimensions=PROJECT, period="month", endpoints=(COSTS,)),
    Choice(dimensions=MODEL, period="month"),
)
"""What a page shows of all days."""
USED: Final = {
    "input_tokens": "Tokens in",
    "input_cached_tokens": "Of them cached",
    "output_tokens": "Tokens out",
    "num_model_requests": "Requests",
}
"""The counters on top of the page, and what they are called there."""


class Total(NamedTuple):
    """A figure on top of the page, and what it is in; ``unit`` is a currency, or nothing."""

    title: str
    unit: str
    figure: Number | None


class UsageView(NamedTuple):
    """All of it; ``span`` is from the first day to the last, if there is any.

    ``long_spans`` is how many times windows cross midnight, and ``more_currencies`` how many have
    neither totals, charts nor columns.
    """

    span: Window | None
    billed_totals: list[Total]
    estimated_total: Total | None
    use_totals: list[Total]
    months: PeriodView
    days: PeriodView | None
    sheets: list[PageTable]
    long_spans: int
    more_currencies: int


def view_usage(outline: Outline) -> UsageView:
    """Add up and arrange what a page shows; the days are read once, and the last month's again."""
    book, names = FiguresDaybook(outline.figures), ProjectNames(outline.project_names)
    whole, projects, lines, tiers, models, *drawn = add_breakdowns(book, CHOICES)
    total, bills = rank_rows(whole).total, outline.bills
    months = view_periods("month", PeriodFigures(whole, *drawn), names, bills)
    billed = [one for one in whole.measures if one.name == BILLED]
    return UsageView(
        span_of(outline),
        [
            Total("Billed", call_currency(one.currency), total[one])
            for one in billed[:MOST_CURRENCIES]
        ],
        total_estimate(bills),
        [Total(title, "", total.get(Measure(name))) for name, title in USED.items()],
        months,
        None if months.last is None else view_days(book, months.last, names, bills),
        [
            make_sheet(projects, words_of_projects(names), TOP, estimated_by_project(bills)),
            make_sheet(lines, WORDS["line"], TOP),
            make_sheet(tiers, WORDS["tier"], TOP),
            make_sheet(models, WORDS["model"], TOP, estimated_by_model(bills)),
        ],
        len(whole.long_spans),
        len(billed[MOST_CURRENCIES:]),
    )


def view_days(book: Daybook, month: int, names: ProjectNames, bills: Bills | None) -> PeriodView:
    """Draw and write the days of the month that begins at a time."""
    span = Window(month, month_after(month))
    by_day = (
        Choice(dimensions=(), period="day", span=span),
        Choice(dimensions=PROJECT, period="day", span=span, endpoints=(COSTS,)),
        Choice(dimensions=MODEL, period="day", span=span),
    )
    return view_periods("day", PeriodFigures(*add_breakdowns(book, by_day)), names, bills, span)


def words_of_projects(names: ProjectNames) -> SheetWords:
    """Say what the table of projects is."""
    return SheetWords(
        "projects", "By project", "The project that costs most first.", "project", names.find
    )


WORDS: Final = {
    "line": SheetWords(
        "lines",
        "By what was billed for",
        "The line items of the bill, as the provider calls them.",
        "line item",
    ),
    "tier": SheetWords(
        "tiers",
        "By service tier",
        "What was used on each tier. The bill does not say its tier, so cost is not spread.",
        "tier",
    ),
    "model": SheetWords(
        "models",
        "By model",
        "What each model was used for. The bill names line items and no models, so billed cost "
        "is not spread; an estimate is, where there are prices.",
        "model",
    ),
}


def span_of(outline: Outline) -> Window | None:
    """Return from the first day to the last of which anything is known."""
    found = [one.days.span for one in outline.figures.values()]
    spans = [one for one in found if one is not None]
    if not spans:
        return None
    return Window(min(one.start for one in spans), max(one.end for one in spans))


def total_estimate(bills: Bills | None) -> Total | None:
    """Return what all use should have cost, where there are prices."""
    if bills is None:
        return None
    found = bills.estimates
    amount = sum_money([found.amount]) if found.priced_days else None
    return Total("Estimated", call_currency(bills.prices.currency), amount)


def estimated_by_project(bills: Bills | None) -> EstimatedAmounts | None:
    """Return what was estimated of each project, where there are prices."""
    if bills is None:
        return None
    found = bills.estimates
    return sum_amounts(
        bills, (one for one in found.by_project.items() if one[0] in found.priced_projects)
    )


def estimated_by_model(bills: Bills | None) -> EstimatedAmounts | None:
    """Return what was estimated of each model, where there are prices."""
    if bills is None:
        return None
    found = bills.estimates.by_use.items()
    return sum_amounts(bills, ((use.model, one.amount) for use, one in found if one.is_priced))


def sum_amounts(bills: Bills, found: Iterable[tuple[str | None, Decimal]]) -> EstimatedAmounts:
    """Add amounts up by what they are of, as a row shows it."""
    amounts: defaultdict[str, list[Decimal]] = defaultdict(list)
    for value, amount in found:
        amounts[label_value_of(value)].append(amount)
    return EstimatedAmounts(
        bills.prices.currency, {value: sum_money(some) for value, some in amounts.items()}
    )
