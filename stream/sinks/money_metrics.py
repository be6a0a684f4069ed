"""Money as numbers for Prometheus: how bills and estimates compare, and how budgets stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from stream.figures.money.rows import BillSums
from stream.figures.money.standings import TROUBLES, BudgetStanding, MonthlyBudget

__all__ = ["EVERYTHING", "MoneyStatus", "budget_labels", "values_of_money"]

EVERYTHING: Final = "__all__"
"""What the budget of all projects is called in labels."""
PARTS: Final = ("billed", "estimated", "matched", "difference")
"""The metrics of the comparison, each by what it shows of it."""
Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = dict[Labels, float]


class MoneyStatus(NamedTuple):
    """Budgets as they stand, and what bills and estimates come to by month, currency and reason.

    Months are called ``current`` and ``last``.
    """

    budgets: Sequence[BudgetStanding] = ()
    sums_by_month: Mapping[tuple[str, str, str], BillSums] = {}


def budget_labels(budget: MonthlyBudget) -> Labels:
    """Return the labels of a budget: the project as the configuration names it, and currency."""
    return budget.project or EVERYTHING, budget.currency


def values_of_money(status: MoneyStatus) -> dict[str, Values]:
    """Return every metric of budgets and reconciliation; what nobody knows is not there."""
    found: dict[str, Values] = {
        f"reconciliation_{part}": {
            labels: float(value)
            for labels, sums in status.sums_by_month.items()
            if (value := sums.known_amounts[part]) is not None
        }
        for part in PARTS
    }
    amounts: dict[str, dict[Labels, Decimal | None]] = {
        "budget_limit": {budget_labels(one.budget): one.budget.limit for one in status.budgets},
        "budget_billed": {budget_labels(one.budget): one.billed_amount for one in status.budgets},
        "budget_estimated_unbilled": {
            budget_labels(one.budget): one.estimated_unbilled for one in status.budgets
        },
        "budget_spent_ratio": {
            budget_labels(one.budget): one.share_of(one.spent_amount) for one in status.budgets
        },
        "budget_forecast": {budget_labels(one.budget): one.forecast for one in status.budgets},
    }
    for name, values in amounts.items():
        found[name] = {
            labels: float(value) for labels, value in values.items() if value is not None
        }
    found["budget_threshold_reached"] = {
        (*budget_labels(one.budget), format(threshold, "f")): int(reached)
        for one in status.budgets
        for threshold in one.budget.thresholds
        if (reached := one.has_reached(threshold)) is not None
    }
    found["budget_unclear"] = {
        (*budget_labels(one.budget), reason): int(reason in one.troubles)
        for one in status.budgets
        for reason in TROUBLES
    }
    return found
