"""What is used and what it costs, by project, service tier and model."""

from __future__ import annotations

from usage_dashboards.board import Names, Row, board, choice
from usage_dashboards.panels import bars, figure, rows, series, stacked, words
from usage_dashboards.queries import PROJECT, Query, added, flow, total, usual

NAMES = Names(
    "usage-stream-overview",
    "usage-stream: usage and cost",
    "What the organization uses and what it costs, by project, service tier and model.",
)

READING = """\
- **Totals equal the report.** They are what was accepted less what was taken back, since ever.
- **Input includes cached input.** Kinds of tokens overlap: only input and output may be added up.
- **Time is when a page was taken in**, not when the usage happened: a page with a whole day shows
  at one moment. `usage-stream export openmetrics` gives usage its own time.
- **Rates miss beginnings.** A series appears with its full value, and a rate only sees what comes
  after it. Totals have it all.
- **Cost is what is billed**, and may be restated: it can fall. Currencies are never added up.
  Only the project filters it: cost has no tier and no model. It need not agree with usage.
- `unspecified` is what the API did not say; `__other__` holds the series beyond the limit.
- All scraped daemons are added up: two that read the same pages count twice.
"""

COST = f"openai_api_cost{{{PROJECT}}}"
RATE_NOTE = (
    "Accepted less taken back, a second, at the time it was taken in. Below zero, more was taken "
    "back than accepted. The first value of a new series is in the totals, but in no rate."
)
TOTAL_NOTE = "Accepted less taken back, since ever, as in the report."
DIMENSIONS = (("project", "project_id"), ("service tier", "service_tier"), ("model", "model"))

CHOSEN_TIER = ',service_tier=~"$tier"'
SELECTED = 'openai_api_tokens_total{project_id=~"$project"%s}'
VARIABLES = (
    choice("project", "Project", "label_values(openai_api_tokens_total, project_id)"),
    choice(
        "tier",
        "Service tier",
        f"label_values({SELECTED % ''}, service_tier)",
    ),
    choice(
        "model",
        "Model",
        f"label_values({SELECTED % CHOSEN_TIER}, model)",
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
            Query(total("tokens", kind="input"), "tokens in"),
        ),
        figure(
            "Tokens out",
            TOTAL_NOTE,
            "short",
            Query(total("tokens", kind="output"), "tokens out"),
        ),
        figure("Requests", TOTAL_NOTE, "short", Query(total("requests"), "requests")),
        figure(
            "Cost",
            "All that state holds, each currency apart. It may be restated, and then fall.",
            "short",
            Query(added(COST, "currency"), "{{currency}}"),
        ),
        figure(
            "Cost, last 24 hours",
            "How much the cost grew in the 24 hours before the end of the range, by when pages "
            "were taken in. Below zero, it was restated downwards.",
            "short",
            Query(added(f"delta({COST}[1d])", "currency"), "{{currency}}"),
        ),
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
            f"{TOTAL_NOTE} Cached input is part of tokens in.",
            {"project_id": "Project", "service_tier": "Service tier"},
            Query(total("tokens", "project_id, service_tier", "input"), "Tokens in"),
            Query(total("tokens", "project_id, service_tier", "output"), "Tokens out"),
            Query(total("requests", "project_id, service_tier"), "Requests"),
        ),
        words("How to read this", "What these figures mean, and what they do not.", READING),
    ),
)

TOKENS = Row(
    "Tokens",
    tuple(
        stacked(
            f"Tokens {way} by {name}, a second",
            f"{RATE_NOTE}{note}",
            "short",
            Query(flow("tokens", label, kind), f"{{{{{label}}}}}"),
        )
        for way, kind, note in (
            ("in", "input", " Cached input is part of it."),
            ("out", "output", ""),
        )
        for name, label in DIMENSIONS
    ),
)

REQUESTS = Row(
    "Requests, cache and corrections",
    (
        *(
            stacked(
                f"Requests by {name}, a second",
                RATE_NOTE,
                "short",
                Query(flow("requests", label), f"{{{{{label}}}}}"),
            )
            for name, label in DIMENSIONS
        ),
        series(
            "Share of input that was cached, by model",
            "Cached input over all input, both accepted less taken back, since ever.",
            "percentunit",
            Query(
                f"{total('tokens', 'model', 'input_cached')} / "
                f"({total('tokens', 'model', 'input')} > 0)",
                "{{model}}",
            ),
        ).span(12),
        series(
            "Share of tokens that was taken back, by project",
            "Corrected over accepted, since ever: how far first figures were from the known ones.",
            "percentunit",
            *(
                Query(
                    f"{added(f'openai_api_tokens_corrected_total{usual(kind)}', 'project_id')} / "
                    f"({added(f'openai_api_tokens_total{usual(kind)}', 'project_id')} > 0)",
                    f"{{{{project_id}}}} {kind}",
                )
                for kind in ("input", "output")
            ),
        ).span(12),
    ),
)

MONEY = Row(
    "Cost by project and line item",
    (
        bars(
            "Cost by project",
            "All that state holds; the 15 greatest of each currency.",
            "short",
            Query(
                f"topk by (currency) (15, {added(COST, 'project_id, currency')})",
                "{{project_id}} ({{currency}})",
            ),
        ),
        bars(
            "Cost by line item",
            "All that state holds; the 15 greatest of each currency.",
            "short",
            Query(
                f"topk by (currency) (15, {added(COST, 'line_item, currency')})",
                "{{line_item}} ({{currency}})",
            ),
        ),
        series(
            "Cost a day, by project",
            "How much the cost grew in the 24 hours before each moment, by when pages were taken "
            "in. Below zero, it was restated downwards. A new series' first value is not in it.",
            "short",
            Query(
                added(f"delta({COST}[1d])", "project_id, currency"), "{{project_id}} ({{currency}})"
            ),
        ).span(12),
        series(
            "Cost, all of it",
            "All that state holds at each moment. A step down is a restatement.",
            "short",
            Query(added(COST, "currency"), "{{currency}}"),
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
                Query(total(metric, "project_id"), "{{project_id}}"),
            )
            for name, metric, unit, note in OTHER_UNITS
        ),
        series(
            "Vector stores, by project",
            "Bytes stored in the latest window: a level, never added up over time.",
            "bytes",
            Query(added(f"openai_api_vector_store_bytes{usual()}", "project_id"), "{{project_id}}"),
        ),
    ),
)


def overview() -> str:
    """Write the dashboard of usage and cost."""
    return board(NAMES, VARIABLES, (SUMMARY, TABLE, TOKENS, REQUESTS, MONEY, OTHER))
