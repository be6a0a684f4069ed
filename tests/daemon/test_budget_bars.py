"""Budgets as bars on the daemon's page: what each of them is called."""

from __future__ import annotations

from decimal import Decimal

from stream.daemon.budget_bars import draw_budgets
from stream.figures.money.standings import BudgetStanding, MonthlyBudget
from stream.sinks.html.names import ProjectNames


def test_projects_of_one_name_are_told_apart() -> None:
    """The id stands beside a name; not twice, where it is all that there is, or nothing is said."""
    names = ProjectNames({"p1": "Ads", "p2": "Ads", "p3": "Search"})
    budgets = [MonthlyBudget(one, Decimal(5), "usd", ()) for one in (None, "p1", "p2", "Ads", "p9")]
    bars = draw_budgets([BudgetStanding(one) for one in budgets], names)
    assert [(one.name, one.project_id) for one in bars] == [
        ("All projects", ""),
        ("Ads", "p1"),
        ("Ads", "p2"),
        ("Ads", ""),
        ("p9", ""),
    ]
