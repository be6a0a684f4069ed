"""Budgets as bars: what is drawn, as numbers that a template writes as SVG, and the same in words.

A bar is drawn into a strip of 100 that is stretched to its place; where the budget ends is marked,
and so is what the month may come to.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.money.standings import BudgetStanding, describe_troubles
from stream.figures.series import label_value_of
from stream.sinks.html.chart import AREA, COORDINATE, write_coordinate
from stream.sinks.html.names import ProjectNames
from stream.sinks.html.notation import write_money

__all__ = ["BudgetBar", "draw_budgets"]

EVERYONE: Final = "All projects"
ZERO: Final = Decimal(0)
PERCENT: Final = Decimal("0.01")


class BudgetBar(NamedTuple):
    """A budget: what it is called, the widths and places in its bar, and what is said of it.

    ``project_id`` is empty where that is what it is called, or where it is for all projects.
    Of what nobody knows there is ``None``; ``is_over``: all of it is spent.
    """

    name: str
    project_id: str
    limit: str
    share: str | None
    billed_width: str
    estimated_width: str
    limit_place: str
    forecast_place: str | None
    words: str
    forecast_words: str
    troubles: list[str]
    is_over: bool


def draw_budgets(standings: Sequence[BudgetStanding], names: ProjectNames) -> list[BudgetBar]:
    """Draw each budget, as the configuration has them."""
    return [draw_budget(one, names) for one in standings]


def draw_budget(standing: BudgetStanding, names: ProjectNames) -> BudgetBar:
    """Draw a budget; what is less than zero is said, and not drawn."""
    budget, spent = standing.budget, standing.spent_amount or ZERO
    project = None if budget.project is None else label_value_of(budget.project)
    name = EVERYONE if project is None else names.call(project)
    top = max(budget.limit, spent, standing.forecast or ZERO)
    billed = max(min(standing.billed_amount or ZERO, spent), ZERO)
    return BudgetBar(
        name,
        project if project is not None and project != name else "",
        f"{write_money(budget.limit)} {budget.currency.upper()}",
        write_share(standing, standing.spent_amount),
        place_in(billed, top),
        place_in(max(spent - billed, ZERO), top),
        place_in(budget.limit, top),
        None if standing.forecast is None else place_in(max(standing.forecast, ZERO), top),
        describe_spending(standing),
        describe_forecast(standing),
        describe_troubles(standing),
        spent >= budget.limit,
    )


def place_in(amount: Decimal, top: Decimal) -> str:
    """Return how far along its bar an amount is."""
    return write_coordinate(COORDINATE.divide(amount * AREA, top))


def write_share(standing: BudgetStanding, amount: Decimal | None) -> str | None:
    """Write what share of the budget an amount is, in percent."""
    share = standing.share_of(amount)
    return None if share is None else f"{int(share / PERCENT):,} %"


def describe_spending(standing: BudgetStanding) -> str:
    """Say what is billed, and what is estimated of what is not."""
    found = [
        f"{write_money(amount)} {what}"
        for amount, what in (
            (standing.billed_amount, "billed"),
            (standing.estimated_unbilled, "estimated and not billed yet"),
        )
        if amount is not None
    ]
    return f"{' and '.join(found)}." if found else "Nothing is known of this month yet."


def describe_forecast(standing: BudgetStanding) -> str:
    """Say what the month may come to."""
    if standing.forecast is None:
        return "No forecast yet."
    share = write_share(standing, standing.forecast)
    return f"May come to {write_money(standing.forecast)} ({share}) by the end of the month."
