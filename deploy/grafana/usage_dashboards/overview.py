"""What is used and what it costs, by project, service tier and model."""

from __future__ import annotations

from grafana_foundation_sdk.builders import timeseries

from usage_dashboards.board import Names, Row, board, choice, project_choice
from usage_dashboards.cost import COSTS, LAST_DAY_COST, THIS_MONTH_COST
from usage_dashboards.money import BILLING
from usage_dashboards.panels import by_day, figure, rows, series, stacked, words
from usage_dashboards.queries import (
    OF_PROJECT,
    PROJECT,
    Query,
    added,
    flow,
    measured,
    named,
    total,
    usual,
)

NAMES = Names(
    "usage-stream-overview",
    "usage-stream: usage and cost",
    "What the organization uses and what it costs, by project, service tier and model.",
    since="now-30d",
    timezone="utc",
    refresh="5m",
)

READING = """\
- **Totals equal the report.** They are what was accepted less what was taken back, since ever.
- **Input includes cached input.** Kinds of tokens overlap: only input and output may be added up.
- **Time is when a page was taken in**, not when the usage happened: a page with a whole day shows
  at one moment. The dashboard *history* gives usage its own time, from a backfill.
- **Rates miss beginnings.** A series appears with its full value, and a rate only sees what comes
  after it. Totals have it all, and so has what a day or the month has added.
- **Cost is what is billed**, and may be restated: it can fall. Currencies are never added up.
  Only the project filters it: cost has no tier and no model. It need not agree with usage.
- **Projects are never folded** where panels are by project and tier, which is why the model does
  not filter these. By model, `__other__` holds the series beyond the limit.
- `unspecified` is what the API did not say.
- All scraped daemons are added up: two that read the same pages count twice.
"""

RATE_NOTE = (
    "Accepted less taken back, a second, at the time it was taken in. Below zero, more was taken "
    "back than accepted. The first value of a new series is in the totals, but in no rate."
)
TOTAL_NOTE = "Accepted less taken back, since ever, as in the report."
ANY_MODEL = "Of any model."
TIERS = "project_id, service_tier"

SELECTED = "openai_api_tokens_total{%s}"
VARIABLES = (
    project_choice(
        named(
            "group by (project_id) (openai_project_requests_total or openai_project_cost)",
            "project_id",
        )
    ),
    choice(
        "tier",
        "Service tier",
        f"label_values(openai_project_requests_total{{{PROJECT}}}, service_tier)",
        "Of usage alone: cost has no service tier.",
    ),
    choice(
        "model",
        "Model",
        f"label_values({SELECTED % OF_PROJECT}, model)",
        "Of the figures by model, and the first three: cost has no model, and neither has what is "
        "shown by project and service tier.",
    ),
    choice(
        "currency",
        "Currency",
        "label_values(openai_project_cost, currency)",
        "Of cost by day, which has a panel for each.",
    ),
)

REACH = 'max by (endpoint) (usage_stream_watermark_timestamp_seconds{endpoint=~"%s"}) * 1000'

SUMMARY = Row(
    "",
    (
        figure(
            "Tokens in",
            f"{TOTAL_NOTE} Cached input is part of it.",
            "short",
            Query(total("api_tokens", kind="input"), "tokens in"),
        ),
        figure(
            "Tokens out",
            TOTAL_NOTE,
            "short",
            Query(total("api_tokens", kind="output"), "tokens out"),
        ),
        figure("Requests", TOTAL_NOTE, "short", Query(total("api_requests"), "requests")),
        THIS_MONTH_COST,
        LAST_DAY_COST,
        figure(
            "Figures reach up to",
            "The end of the newest window that was taken in, of completions and of costs.",
            "dateTimeFromNow",
            Query(REACH % "usage/completions|costs", "{{endpoint}}"),
        ),
    ),
)

TABLE = Row(
    "Projects and service tiers",
    (
        rows(
            "Project × service tier",
            f"{TOTAL_NOTE} Tokens are input and output; cached input is part of it. {ANY_MODEL}",
            {"name": "Project", "project_id": "Id", "service_tier": "Service tier"},
            Query(named(total("project_tokens", TIERS), TIERS), "Tokens"),
            Query(named(total("project_requests", TIERS), TIERS), "Requests"),
        ),
        words("How to read this", "What these figures mean, and what they do not.", READING),
    ),
)

DAY_NOTE = (
    "What each day of UTC added, by when it was taken in; what was not there before counts from 0. "
    f"A day at whose end the daemon was not scraped has no bar. {ANY_MODEL}"
)
A_DAY = f"instance_project_tier:openai_project_%s:delta1d_net{{{OF_PROJECT}}} offset -1d"


def rates(
    what: str, metric: str, note: str, kinds: tuple[str, ...] = ("",)
) -> tuple[timeseries.Panel, ...]:
    """Draw a flow by project, by service tier, and by model, there with each kind of tokens."""
    made = (
        ("project", named(flow(f"project_{metric}", "project_id"), "project_id"), "name"),
        ("service tier", flow(f"project_{metric}", "service_tier"), "service_tier"),
        *(
            (f"model {kind}".strip(), flow(f"api_{metric}", "model", kind), "model")
            for kind in kinds
        ),
    )
    return tuple(
        stacked(
            f"{what} by {name}, a second",
            f"{RATE_NOTE}{note}{'' if label == 'model' else f' {ANY_MODEL}'}",
            "short",
            Query(expression, f"{{{{{label}}}}}"),
        ).span(24 // len(made))
        for name, expression, label in made
    )


DAYS = Row(
    "Usage by day",
    (
        by_day(
            "Tokens by day, by project",
            f"Input and output together. {DAY_NOTE}",
            "short",
            Query(named(added(A_DAY % "tokens", "project_id"), "project_id"), "{{name}}"),
        ).span(12),
        by_day(
            "Requests by day, by project",
            DAY_NOTE,
            "short",
            Query(named(added(A_DAY % "requests", "project_id"), "project_id"), "{{name}}"),
        ).span(12),
    ),
)

TOKENS = Row(
    "Tokens",
    (*rates("Tokens", "tokens", " Cached input is part of input.", ("input", "output")),),
)


def taken_back() -> str:
    """Which share of a project's tokens was taken back."""
    accepted, corrected, chosen = measured("project_tokens")
    return (
        f"{added(f'{corrected}{chosen}', 'project_id')} / "
        f"({added(f'{accepted}{chosen}', 'project_id')} > 0)"
    )


REQUESTS = Row(
    "Requests, cache and corrections",
    (
        *rates("Requests", "requests", ""),
        series(
            "Share of input that was cached, by model",
            "Cached input over all input, both accepted less taken back, since ever.",
            "percentunit",
            Query(
                f"{total('api_tokens', 'model', 'input_cached')} / "
                f"({total('api_tokens', 'model', 'input')} > 0)",
                "{{model}}",
            ),
        ).span(12),
        series(
            "Share of tokens that was taken back, by project",
            f"Corrected over accepted, since ever: how far first figures were off. {ANY_MODEL}",
            "percentunit",
            Query(named(taken_back(), "project_id"), "{{name}}"),
        ).span(12),
    ),
)

OTHER_UNITS = (
    ("Images", "images", "short", ""),
    ("Characters of speech", "characters", "short", ""),
    ("Transcribed audio", "audio_seconds", "s", ""),
    ("Code interpreter sessions", "sessions", "short", ""),
    ("Search calls", "calls", "short", " Web and file search together."),
)

OTHER = Row(
    "Other usage",
    (
        *(
            series(
                f"{name}, by project",
                f"{TOTAL_NOTE}{note}",
                unit,
                Query(named(total(f"api_{metric}", "project_id"), "project_id"), "{{name}}"),
            )
            for name, metric, unit, note in OTHER_UNITS
        ),
        series(
            "Vector stores, by project",
            "Bytes stored in the latest window: a level, never added up over time.",
            "bytes",
            Query(
                named(added(f"openai_api_vector_store_bytes{usual()}", "project_id"), "project_id"),
                "{{name}}",
            ),
        ),
    ),
)


def overview() -> str:
    """Write the dashboard of usage and cost."""
    return board(NAMES, VARIABLES, (SUMMARY, COSTS, BILLING, TABLE, DAYS, TOKENS, REQUESTS, OTHER))
