"""Bills beside estimates, and budgets: what the daemon has where it has prices, or budgets."""

from __future__ import annotations

from usage_dashboards.board import Row
from usage_dashboards.panels import MONEY, bars, in_currency, rows
from usage_dashboards.queries import PROJECT, Query, added, named

NO_BILL = "An estimate is use times price, and no bill. It is there where the daemon has `prices`."
BUDGET = "budget, currency"
COMPARED = "month, currency, reason"


def of_budget(metric: str) -> str:
    """Ask for a figure of each budget; where several daemons have it, the greatest."""
    return f"max by ({BUDGET}) (usage_stream_budget_{metric})"


def compared(part: str) -> str:
    """Ask for what bills and estimates come to."""
    return added(f"usage_stream_reconciliation_{part}", COMPARED)


BUDGETS = (
    rows(
        "Budgets, this month",
        "What is billed this month (UTC), what is estimated of use that is not billed yet, and "
        "what the month may come to: what is spent on known days, and for each other day the mean "
        "of the last seven known ones. `__all__` is all projects. No filter applies.",
        {"budget": "Budget", "currency": "Currency"},
        Query(of_budget("spent_ratio"), "Share"),
        Query(of_budget("billed"), "Billed"),
        Query(of_budget("estimated_unbilled"), "Estimated, not billed yet"),
        Query(of_budget("forecast"), "Forecast"),
        Query(of_budget("limit"), "Budget for a month"),
    )
    .unit(MONEY)
    .decimals(2)
    .span(24)
    .height(7)
)

ESTIMATED = in_currency(
    bars(
        "Estimated cost by project",
        "Of all that state holds; the 15 greatest of each currency. Only the project "
        f"filters it. {NO_BILL}",
        MONEY,
        Query(
            "topk by (currency) (15, "
            + named(
                added(f"openai_project_estimated_cost{{{PROJECT}}}", "project_id, currency"),
                "project_id, currency",
            )
            + ")",
            "{{name}} ({{currency}})",
        ),
    )
)

UNPRICED = bars(
    "Usage without a price",
    "In the units of its kind: tokens, images, seconds. It adds nothing to any estimate; the 15 "
    "greatest. No filter applies.",
    "short",
    Query(
        f"topk(15, {added('openai_api_unpriced_usage', 'model, service_tier, kind')})",
        "{{model}} ({{service_tier}}, {{kind}})",
    ),
)

COMPARISON = (
    rows(
        "Bills beside estimates",
        "This month and the last (UTC), by what explains the difference; README says what each "
        f"reason means. Billed = matched and not matched. {NO_BILL} No filter applies.",
        {"month": "Month", "reason": "Reason", "currency": "Currency"},
        Query(compared("difference"), "Difference"),
        Query(compared("billed"), "Billed"),
        Query(compared("estimated"), "Estimated"),
        Query(compared("matched"), "Matched"),
    )
    .unit(MONEY)
    .decimals(2)
    .span(24)
    .height(9)
)

BILLING = Row("Budgets, and bills beside estimates", (BUDGETS, ESTIMATED, UNPRICED, COMPARISON))
