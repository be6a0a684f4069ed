"""What usage costs, by project and line item; service tier and model do not apply to cost."""

from __future__ import annotations

from usage_dashboards.board import Row
from usage_dashboards.panels import (
    MONEY,
    THIS_MONTH,
    bars,
    by_day,
    figure,
    in_currency,
    rows,
    series,
)
from usage_dashboards.queries import PROJECT, Query, added, gained, named

CURRENCY = "project_id, currency"
COST = f"openai_project_cost{{{PROJECT}}}"
LAST_DAY = f"instance_project_currency:openai_project_cost:delta1d{{{PROJECT}}}"
ONE_CURRENCY = f'{{{PROJECT},currency=~"$currency"}}'
A_DAY = f"instance_project_currency:openai_project_cost:delta1d{ONE_CURRENCY} offset -1d"

NO_TIER = "Of any service tier and model: cost has neither, and only the project filters it."
WHEN = (
    "By when pages were taken in: a day's cost settles some days later, and is restated at times, "
    "so it may be below zero. What was not there before counts from 0."
)
UNKNOWN = "not known yet"
MONTH = (
    f"What the month (UTC) has added so far. {WHEN} It is not known before the daemon was "
    f"scraped at a month's beginning. {NO_TIER}"
)

THIS_MONTH_COST = in_currency(
    figure(
        "Cost, month to date",
        MONTH,
        MONEY,
        Query(gained(COST, "currency", "$__range"), "{{currency}}"),
    )
).time_from(THIS_MONTH)
THIS_MONTH_COST = THIS_MONTH_COST.no_value(UNKNOWN)

LAST_DAY_COST = in_currency(
    figure(
        "Cost, last 24 hours",
        f"What 24 hours added. {WHEN} {NO_TIER}",
        MONEY,
        Query(added(LAST_DAY, "currency"), "{{currency}}"),
    )
).no_value(UNKNOWN)

BY_PROJECT = (
    in_currency(
        bars(
            "Cost by project, month to date",
            f"{MONTH} The 15 greatest of each currency.",
            MONEY,
            Query(
                f"topk by (currency) (15, {named(gained(COST, CURRENCY, '$__range'), CURRENCY)})",
                "{{name}} ({{currency}})",
            ),
        )
    )
    .time_from(THIS_MONTH)
    .no_value(UNKNOWN)
)

BY_LINE_ITEM = in_currency(
    bars(
        "Cost by line item",
        f"All that state holds; the 15 greatest of each currency. {NO_TIER}",
        MONEY,
        Query(
            "topk by (currency) (15, "
            f"{added(f'openai_api_cost{{{PROJECT}}}', 'line_item, currency')})",
            "{{line_item}} ({{currency}})",
        ),
    )
)

DAILY = in_currency(
    by_day(
        "Cost by day, by project, in $currency",
        f"Each day of UTC that has ended; of today see the last 24 hours. {WHEN} A day at whose "
        f"end the daemon was not scraped has no bar. {NO_TIER}",
        MONEY,
        Query(named(added(A_DAY, CURRENCY), CURRENCY), "{{name}} ({{currency}})"),
    )
).repeat("currency")

TABLE = (
    rows(
        "Projects and their cost",
        f"{MONTH} The last column is all that state holds.",
        {"name": "Project", "project_id": "Id", "currency": "Currency"},
        Query(named(gained(COST, CURRENCY, "$__range"), CURRENCY), "Month to date"),
        Query(named(added(LAST_DAY, CURRENCY), CURRENCY), "Last 24 hours"),
        Query(named(added(COST, CURRENCY), CURRENCY), "All of it"),
    )
    .unit(MONEY)
    .decimals(2)
    .time_from(THIS_MONTH)
)

ALL = in_currency(
    series(
        "Cost, all of it",
        f"All that state holds at each moment. A step down is a restatement. {NO_TIER}",
        MONEY,
        Query(added(COST, "currency"), "{{currency}}"),
    ).height(12)
)

COSTS = Row(
    "Cost (service tier and model do not apply)", (BY_PROJECT, BY_LINE_ITEM, DAILY, TABLE, ALL)
)
