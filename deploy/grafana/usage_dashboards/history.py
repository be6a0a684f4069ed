"""Usage and cost at the time they happened, from a backfill of what state holds."""

from __future__ import annotations

from usage_dashboards.board import Names, Row, board, choice, project_choice
from usage_dashboards.cost import CURRENCY, NO_TIER, ONE_CURRENCY
from usage_dashboards.panels import (
    MONEY,
    THIS_MONTH,
    bars,
    by_day,
    figure,
    in_currency,
    rows,
    words,
)
from usage_dashboards.queries import OF_PROJECT, PROJECT, USUAL, Query, added, named

NAMES = Names(
    "usage-stream-history",
    "usage-stream: history",
    "What was used and what it cost on the days when it happened, from a backfill.",
    since="now-90d",
    timezone="utc",
    refresh="5m",
)

READING = """\
- **The data source is a Prometheus of its own**, into which `usage-stream export openmetrics` was
  backfilled. It has other series than the one that scrapes the daemon, some of the same name: there
  this dashboard is wrong.
- **Time is when usage happened.** Each window stands at its end less one second, and its figure is
  whole in itself: figures are added up over time (`sum_over_time`), and never rated.
- **It is as old as the last backfill.** Windows that had not ended then are not in it.
- **Input includes cached input.** Kinds of tokens overlap: only input and output may be added up.
- **Cost has no service tier and no model**: only the project filters it. Currencies are never
  added up.
"""
NOTE = "By when it happened, as of the last backfill."
COST = f"openai_api_cost{{{PROJECT}}}"
CHOICES = (
    project_choice(
        named("group by (project_id) (openai_api_requests or openai_api_cost)", "project_id")
    ),
    choice(
        "tier",
        "Service tier",
        f"label_values(openai_api_requests{{{PROJECT}}}, service_tier)",
        "Of usage alone: cost has no service tier.",
    ),
    choice(
        "model",
        "Model",
        f"label_values(openai_api_requests{{{OF_PROJECT}}}, model)",
        "Of usage alone: cost has no model.",
    ),
    choice("currency", "Currency", "label_values(openai_api_cost, currency)", "Of cost by day."),
)


def over(selected: str, by: str, window: str = "$__range") -> str:
    """Add up what happened in a window before the moment that is asked for."""
    return added(f"sum_over_time({selected}[{window}])", by)


def on_day(selected: str, by: str) -> str:
    """Add up what happened on the day that begins at the moment that is asked for."""
    return added(f"sum_over_time({selected}[1d] offset -1d)", by)


def tokens(kind: str) -> str:
    """Select one kind of token."""
    return f'openai_api_tokens{{{USUAL},token_type="{kind}"}}'


REQUESTS = f"openai_api_requests{{{USUAL}}}"

SUMMARY = Row(
    "",
    (
        in_currency(
            figure(
                "Cost, month to date",
                f"Of the days of this month (UTC). {NOTE} {NO_TIER}",
                MONEY,
                Query(over(COST, "currency"), "{{currency}}"),
            )
        ).time_from(THIS_MONTH),
        in_currency(
            figure(
                "Cost in the range",
                f"{NOTE} {NO_TIER}",
                MONEY,
                Query(over(COST, "currency"), "{{currency}}"),
            )
        ),
        figure("Tokens in", NOTE, "short", Query(over(tokens("input"), ""), "tokens in")),
        figure("Tokens out", NOTE, "short", Query(over(tokens("output"), ""), "tokens out")),
        figure("Requests", NOTE, "short", Query(over(REQUESTS, ""), "requests")),
        figure(
            "Reaches up to",
            "The end of the newest window of requests in the range.",
            "dateTimeFromNow",
            Query(
                "max(max_over_time(timestamp(openai_api_requests)[$__range:1h])) * 1000",
                "newest",
            ),
        ),
    ),
)

COSTS = Row(
    "Cost (service tier and model do not apply)",
    (
        in_currency(
            by_day(
                "Cost by day, by project, in $currency",
                f"Each day of UTC. {NOTE} {NO_TIER}",
                MONEY,
                Query(
                    named(on_day(f"openai_api_cost{ONE_CURRENCY}", CURRENCY), CURRENCY),
                    "{{name}} ({{currency}})",
                ),
            )
        ).repeat("currency"),
        in_currency(
            bars(
                "Cost by project, month to date",
                f"The 15 greatest of each currency. {NOTE} {NO_TIER}",
                MONEY,
                Query(
                    f"topk by (currency) (15, {named(over(COST, CURRENCY), CURRENCY)})",
                    "{{name}} ({{currency}})",
                ),
            )
        ).time_from(THIS_MONTH),
        in_currency(
            bars(
                "Cost by line item, in the range",
                f"The 15 greatest of each currency. {NOTE} {NO_TIER}",
                MONEY,
                Query(
                    f"topk by (currency) (15, {over(COST, 'line_item, currency')})",
                    "{{line_item}} ({{currency}})",
                ),
            )
        ),
    ),
)

USAGE = Row(
    "Usage by day",
    (
        by_day(
            "Tokens in by day, by project",
            f"Cached input is part of it. {NOTE}",
            "short",
            Query(named(on_day(tokens("input"), "project_id"), "project_id"), "{{name}}"),
        ),
        by_day(
            "Tokens out by day, by project",
            NOTE,
            "short",
            Query(named(on_day(tokens("output"), "project_id"), "project_id"), "{{name}}"),
        ),
        by_day(
            "Requests by day, by service tier",
            NOTE,
            "short",
            Query(on_day(REQUESTS, "service_tier"), "{{service_tier}}"),
        ).span(12),
        by_day(
            "Requests by day, by model",
            NOTE,
            "short",
            Query(on_day(REQUESTS, "model"), "{{model}}"),
        ).span(12),
    ),
)

TIERS = "project_id, service_tier"
TABLE = Row(
    "Projects and service tiers",
    (
        rows(
            "Project × service tier",
            f"What the range holds. Cached input is part of tokens in. {NOTE}",
            {"name": "Project", "project_id": "Id", "service_tier": "Service tier"},
            Query(named(over(tokens("input"), TIERS), TIERS), "Tokens in"),
            Query(named(over(tokens("output"), TIERS), TIERS), "Tokens out"),
            Query(named(over(REQUESTS, TIERS), TIERS), "Requests"),
        ),
        words("How to read this", "What these figures mean, and what they do not.", READING),
    ),
)


def history() -> str:
    """Write the dashboard of a backfill."""
    return board(NAMES, CHOICES, (SUMMARY, COSTS, USAGE, TABLE))
