"""The charts of the last thirty days: what each day has of each project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from stream.daemon.overview import Overview, order_currencies
from stream.figures.daily import DailyFigures
from stream.records.money import Number
from stream.records.windows import Window
from stream.sinks.html.chart import Chart, ChartWords, Values, draw_chart, is_any
from stream.sinks.html.notation import group_digits, write_day, write_money

__all__ = ["draw_charts"]

EVERY: Final = 7
"""Days from one that is named below the chart to the next; today is the last."""


def draw_charts(overview: Overview, name_of: Callable[[str], str]) -> list[Chart]:
    """Draw a chart for each currency of the last thirty days, or one of tokens without any.

    ``name_of`` a project is what people call it.
    """
    days = overview.days
    currencies = order_currencies(one for found in days.values() for one in found.values())
    if not currencies:
        tokens: Values = {
            write_day(day.start): {one: tokens_of(figures) for one, figures in found.items()}
            for day, found in days.items()
        }
        words = words_of("Tokens", "tokens", name_of, group_digits)
        return [draw_chart(tokens, words)] if is_any(tokens) else []
    return [
        draw_chart(
            money_of(days, one),
            words_of(f"Cost in {one.upper()}", one.upper(), name_of, write_money),
        )
        for one in currencies
    ]


def words_of(
    what: str, unit: str, name_of: Callable[[str], str], write: Callable[[Number], str]
) -> ChartWords:
    """Say what is drawn, by day and project."""
    title = f"{what}, by day and project"
    return ChartWords(title, unit, name_of, write, "on", shorten_day, EVERY)


def shorten_day(day: str) -> str:
    """Leave the year out."""
    return day.partition("-")[2]


def money_of(days: Mapping[Window, Mapping[str, DailyFigures]], currency: str) -> Values:
    """Return what each project was billed on each day, in a currency."""
    return {
        write_day(day.start): {
            project: figures.cost[currency]
            for project, figures in found.items()
            if currency in figures.cost
        }
        for day, found in days.items()
    }


def tokens_of(figures: DailyFigures) -> int:
    """Return the tokens of both ways."""
    return (figures.input or 0) + (figures.output or 0)
