"""PromQL over raw metrics: accepted less corrected, its flow, and what a machine's figures need."""

from __future__ import annotations

from typing import NamedTuple

# Every measured counter has these labels; the cost has only the first.
PROJECT = 'project_id=~"$project"'
USUAL = f'{PROJECT},service_tier=~"$tier",model=~"$model"'
INSTANCE = '{instance=~"$instance"}'
STARTED = f"process_start_time_seconds{INSTANCE}"


class Query(NamedTuple):
    """An expression, and the legend of its series: ``{{label}}`` stands for a label's value."""

    expression: str
    legend: str


def usual(kind: str = "") -> str:
    """Select by the variables project, tier and model, and one kind of token if it is named."""
    token_type = f',token_type="{kind}"' if kind else ""
    return f"{{{USUAL}{token_type}}}"


def added(what: str, by: str = "") -> str:
    """Add up, apart for each value of the labels in ``by``."""
    return f"sum by ({by}) ({what})" if by else f"sum({what})"


def total(metric: str, by: str = "", kind: str = "") -> str:
    """Accepted less corrected since ever: the report's figure, first samples included."""
    chosen = usual(kind)
    accepted, corrected = f"openai_api_{metric}_total", f"openai_api_{metric}_corrected_total"
    return added(f"{accepted}{chosen} - {corrected}{chosen}", by)


def flow(metric: str, by: str = "", kind: str = "") -> str:
    """Accepted less corrected in each second; below zero where more was taken back."""
    chosen = f"{usual(kind)}[$__rate_interval]"
    accepted = added(f"rate(openai_api_{metric}_total{chosen})", by)
    corrected = added(f"rate(openai_api_{metric}_corrected_total{chosen})", by)
    return f"{accepted} - {corrected}"


def growth(metric: str, by: str = "") -> str:
    """How fast a counter of the machine grows in a second."""
    return added(f"rate({metric}{INSTANCE}[$__rate_interval])", by)


def age(metric: str, by: str = "") -> str:
    """How long ago a moment was; where several instances have one, the longest."""
    oldest = f"min by ({by})" if by else "min"
    return f"time() - {oldest} ({metric}{INSTANCE})"


def or_none(metric: str) -> str:
    """Add up what may have no series yet: 0 as long as the program is up, and nothing if not."""
    return f"sum({metric}{INSTANCE}) or sum(usage_stream_build_info{INSTANCE}) * 0"


def of_the_process(expression: str) -> str:
    """Keep the processes that are usage-stream: every scraped program has such metrics."""
    return f"{expression} and on (job, instance) usage_stream_build_info"


def quantiles(histogram: str, window: str = "$__rate_interval") -> tuple[Query, ...]:
    """Half, nine tenths and all but one in a hundred of what a histogram saw in a window."""
    counts = added(f"rate({histogram}_bucket{INSTANCE}[{window}])", "le")
    return tuple(
        Query(f"histogram_quantile({share}, {counts})", legend)
        for share, legend in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    )
