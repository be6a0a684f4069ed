"""What was used and billed month by month, or day by day: charts, and a table with every digit."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.breakdown import BILLED, Breakdown, Measure
from stream.figures.money.billing import Bills
from stream.figures.periods import Per, name_period, start_of_period
from stream.figures.ranks import figures_of
from stream.records.money import MONEY, Number
from stream.records.windows import DAY, Window
from stream.sinks.html.chart import Chart, ChartWords, Values, draw_chart, is_any
from stream.sinks.html.names import ProjectNames, shorten_text
from stream.sinks.html.notation import MONTHS, group_digits, write_money
from stream.sinks.html.tables import (
    MOST_CURRENCIES,
    EstimatedAmounts,
    PageRow,
    PageTable,
    add_numbers,
    call_currency,
    columns_of_figures,
    figures_in,
    sum_columns,
    sum_money,
)

__all__ = ["PeriodFigures", "PeriodView", "month_after", "view_periods"]

MOST_ROWS: Final = 120
"""Periods that have a row; those before are one."""
MOST_BARS: Final = 36
"""Periods that are drawn."""
YEAR: Final = 12
NAMED: Final = 6
"""About how many periods are named below a long chart."""
TOKENS: Final = (Measure("input_tokens"), Measure("output_tokens"))


class PeriodFigures(NamedTuple):
    """Breakdowns by period: of all together, of cost by project, and of use by model."""

    whole: Breakdown
    projects: Breakdown
    models: Breakdown


class PeriodView(NamedTuple):
    """Charts and their table; ``last`` is when the last period begins, if there is any."""

    charts: list[Chart]
    table: PageTable
    last: int | None
    undrawn: int = 0
    """Periods that are in the table, and not drawn."""


def view_periods(
    per: Per,
    found: PeriodFigures,
    names: ProjectNames,
    bills: Bills | None,
    span: Window | None = None,
) -> PeriodView:
    """Draw and write periods; of estimates, those of the days of ``span``."""
    estimated = estimated_in(per, bills, span)
    starts = sorted({*found.whole.keys_by_period(), *(estimated or {})})
    table = table_of_periods(per, found.whole, starts, bills, estimated)
    if not starts:
        return PeriodView([], table, None)
    drawn = fill_gaps(per, starts)[-MOST_BARS:]
    charts = [
        *draw_costs(per, found.projects, drawn, names),
        *draw_tokens(per, found.models, drawn),
    ]
    undrawn = sum(1 for one in starts if one < drawn[0])
    return PeriodView(charts, table, starts[-1], undrawn)


def estimated_in(per: Per, bills: Bills | None, span: Window | None) -> dict[int, Decimal] | None:
    """Return what was estimated in each period, where there are prices."""
    if bills is None:
        return None
    amounts: defaultdict[int, Decimal] = defaultdict(Decimal)
    found = bills.estimates
    for days, amount in found.by_days.items():
        is_wanted = span is None or span.start <= days.start < span.end
        if is_wanted and days in found.priced_days:
            period = start_of_period(days.start, per)
            amounts[period] = MONEY.add(amounts[period], amount)
    return {period: sum_money([amount]) for period, amount in amounts.items()}


def table_of_periods(
    per: Per,
    whole: Breakdown,
    starts: list[int],
    bills: Bills | None,
    estimated: dict[int, Decimal] | None,
) -> PageTable:
    """Make the table of periods, the first on top; very many early ones are one row."""
    currency = None if bills is None else EstimatedAmounts(bills.prices.currency, {})
    measures = whole.measures
    columns = columns_of_figures(measures, currency)
    rows = [
        PageRow(
            name_period(start, per),
            "",
            figures_in(
                figures_of(whole, measures, start, [()]), columns, (estimated or {}).get(start)
            ),
        )
        for start in starts
    ]
    if early := rows[:-MOST_ROWS]:
        name = f"{early[0].name} to {early[-1].name}"
        figures = sum_columns([one.figures for one in early], len(columns))
        rows = [PageRow(name, "together", figures, is_rest=True), *rows[-MOST_ROWS:]]
    total = PageRow("all together", "", sum_columns([one.figures for one in rows], len(columns)))
    title = f"Each {per}, with every digit"
    return PageTable(f"{per}s", title, "", per, columns, rows, total if len(rows) > 1 else None)


def fill_gaps(per: Per, starts: list[int]) -> list[int]:
    """Return the last periods without gaps, so that a chart does not leave out quiet ones."""
    if per == "day":
        return list(range(max(starts[0], starts[-1] - MOST_BARS * DAY), starts[-1] + DAY, DAY))
    found = [starts[-1]]
    while found[-1] > starts[0] and len(found) < MOST_BARS:
        found.append(start_of_period(found[-1] - DAY, per))
    return found[::-1]


def month_after(start: int) -> int:
    """Return when the month ends that begins at a time, in Unix seconds."""
    month = dt.date(1970, 1, 1) + dt.timedelta(days=start // DAY)
    longest = 31
    after = month + dt.timedelta(days=longest)
    return start + (after.replace(day=1) - month).days * DAY


def draw_costs(
    per: Per, found: Breakdown, starts: list[int], names: ProjectNames
) -> Iterable[Chart]:
    """Draw a chart for each currency, by project."""
    for measure in [one for one in found.measures if one.name == BILLED][:MOST_CURRENCIES]:
        values = values_in(per, found, [measure], starts)
        unit = call_currency(measure.currency)
        title = f"Billed in {unit}, by {per} and project"
        if is_any(values):
            yield draw_chart(values, words_of(per, title, unit, names.call, write_money, starts))


def draw_tokens(per: Per, found: Breakdown, starts: list[int]) -> Iterable[Chart]:
    """Draw tokens in and out together, by model."""
    values = values_in(per, found, TOKENS, starts)
    title = f"Tokens in and out, by {per} and model"
    if is_any(values):
        yield draw_chart(values, words_of(per, title, "tokens", str, group_digits, starts))


def values_in(per: Per, found: Breakdown, measures: Iterable[Measure], starts: list[int]) -> Values:
    """Return what measures come to together, by period and group."""
    values: dict[str, dict[str, Number]] = {}
    for start in starts:
        own: dict[str, Number] = {}
        for measure in measures:
            sums = found.sums[measure].get(start, {}) if measure in found.sums else {}
            for (value,), number in sums.items():
                if value is not None:
                    own[value] = add_numbers(own.get(value), number) or 0
        values[name_period(start, per)] = own
    return values


def words_of(  # noqa: PLR0913, PLR0917 -- a chart says as many things
    per: Per,
    title: str,
    unit: str,
    name_of: Callable[[str], str],
    write: Callable[[Number], str],
    starts: list[int],
) -> ChartWords:
    """Say how a chart of so many periods speaks."""

    def call(value: str) -> str:
        return shorten_text(name_of(value))

    every = -(-len(starts) // NAMED)
    if per == "day":
        return ChartWords(title, unit, call, write, "on", shorten_day, every)
    if len(starts) <= YEAR:
        return ChartWords(title, unit, call, write, "in", name_month, 1)
    return ChartWords(title, unit, call, write, "in", str, every)


def shorten_day(day: str) -> str:
    """Leave the year out."""
    return day.partition("-")[2]


def name_month(period: str) -> str:
    """Return what a month is called below a chart, as 2026-10: Oct."""
    return MONTHS[int(period.partition("-")[2]) - 1][:3]
