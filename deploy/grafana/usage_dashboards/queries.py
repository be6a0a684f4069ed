"""PromQL: accepted less corrected, its flow, names of projects, and what the machine needs."""

from __future__ import annotations

from typing import NamedTuple

# Every measured counter has these labels, a project's own the first two, the cost only the first.
PROJECT = 'project_id=~"$project"'
OF_PROJECT = f'{PROJECT},service_tier=~"$tier"'
USUAL = f'{OF_PROJECT},model=~"$model"'
INSTANCE = '{instance=~"$instance"}'
STARTED = f"process_start_time_seconds{INSTANCE}"
# One for each project, also where two daemons call it by two names: that of the range's end, so
# that one that was renamed is one.
NAMES = "topk by (project_id) (1, group by (project_id, name) (openai_project_info @ end()))"


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


def measured(metric: str, kind: str = "") -> tuple[str, str, str]:
    """Name what was accepted, what was taken back of it, and how both are selected.

    ``metric`` has the family's name without ``openai_``: ``api_tokens``, ``project_tokens``.
    """
    labels = OF_PROJECT if metric.startswith("project_") else USUAL
    token_type = f',token_type="{kind}"' if kind else ""
    return f"openai_{metric}_total", f"openai_{metric}_corrected_total", f"{{{labels}{token_type}}}"


def total(metric: str, by: str = "", kind: str = "") -> str:
    """Accepted less corrected since ever: the report's figure, first samples included."""
    accepted, corrected, chosen = measured(metric, kind)
    return added(f"{accepted}{chosen} - {corrected}{chosen}", by)


def flow(metric: str, by: str = "", kind: str = "") -> str:
    """Accepted less corrected in each second; below zero where more was taken back."""
    accepted, corrected, chosen = measured(metric, kind)
    more, less = (
        added(f"rate({name}{chosen}[$__rate_interval])", by) for name in (accepted, corrected)
    )
    return f"{more} - {less}"


def named(expression: str, by: str) -> str:
    """Give each project its name as a label; where none is known, its id."""
    unnamed = f'label_replace({expression}, "name", "$1", "project_id", "(.*)")'
    return f"({expression}) * on (project_id) group_left (name) {NAMES} or on ({by}) {unnamed}"


def gained(gauge: str, by: str, ago: str) -> str:
    """How much a gauge gained since a moment; what was not there then counts from 0.

    There is nothing where the daemon was not scraped at that moment, rather than all that it holds.
    """
    since = f"{gauge} - ({gauge} offset {ago} or 0 * {gauge})"
    return added(f"({since}) and on (job, instance) usage_stream_state_records offset {ago}", by)


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
